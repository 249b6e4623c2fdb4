import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { History, hasEnded } from '../../src/handoff/history.ts';
import { type SignedRecord, signRecord } from '../../src/handoff/record.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { startWriter } from '../support/start-writer.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SEED = new Uint8Array(32).fill(1);
const KEY = publicKeyOf(SEED);
const NAME = encodePublicKey(KEY);
const nowSeconds = () => BigInt(Math.floor(Date.now() / 1000));

function recordOf(number: number, ttl = 60n, createdAt = nowSeconds()): SignedRecord {
  const blob = Uint8Array.of(number);
  return signRecord(
    { blob, burn: false, createdAt, hostname: '', pinSalt: null, project: '', publicKey: KEY, recipient: null, ttl },
    SEED,
  );
}

/** A history, the losses it reported, and its file for `KEY`. */
function historyIn(folder = temporaryFolder()) {
  const lost: string[] = [];
  const history = new History(folder, { onLoss: (path) => lost.push(path) });
  return { folder, history, lost, file: join(folder, 'history', `${NAME}.json`) };
}

/** Burns or revokes a handoff, as far as the history is concerned. */
async function end(history: History, record: SignedRecord, fate: 'burnt' | 'revoked'): Promise<void> {
  const seq = await history.reserve(KEY, (highest) => highest + 1, { record, fate });
  await history.notePlaced(KEY, seq, { revoked: true });
}

describe('the history of an address', () => {
  it('is empty where nothing happened', async () => {
    const { history, folder } = historyIn();
    expect(await history.read(KEY)).toEqual({
      seq: 0,
      placed: true,
      ending: null,
      revoked: false,
      seen: 0,
      spent: [],
      claim: null,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('gives each packet a number above all before, written down before it is used', async () => {
    const { history, folder } = historyIn();
    expect(await history.reserve(KEY, (highest) => highest + 10)).toBe(10);
    expect(await new History(folder).read(KEY)).toMatchObject({ seq: 10, placed: false });
    await history.notePlaced(KEY, 10, { revoked: true });
    expect(await new History(folder).read(KEY)).toMatchObject({ seq: 10, placed: true, revoked: true });
    expect(await history.reserve(KEY, (highest) => highest + 1)).toBe(11);
  });

  it('keeps what another process did since: a late note on an earlier packet changes nothing', async () => {
    const { history } = historyIn();
    await history.reserve(KEY, () => 10);
    await history.reserve(KEY, () => 20);
    await history.notePlaced(KEY, 20, { revoked: false });
    await history.notePlaced(KEY, 10, { revoked: true });
    expect(await history.read(KEY)).toMatchObject({ seq: 20, placed: true, revoked: false });
  });

  it('knows a handoff that ended by itself, whatever is published later', async () => {
    const { history, folder } = historyIn();
    const [burnt, revoked, taken, other] = [1, 2, 3, 4].map((number) => recordOf(number)) as SignedRecord[];
    await end(history, burnt as SignedRecord, 'burnt');
    await end(history, revoked as SignedRecord, 'revoked');
    await history.noteTaken(taken as SignedRecord, 1);
    await history.reserve(KEY, () => 99);
    const memory = await new History(folder).read(KEY);
    const ended = [burnt, revoked, taken, other].map((record) => hasEnded(memory, record as SignedRecord));
    expect(ended).toEqual([true, true, false, false]);
  });

  it('counts a handoff as ended only once enough nodes know, or a newer packet is on its way', async () => {
    const { history, folder } = historyIn();
    const record = recordOf(1);
    const isOver = async () => hasEnded(await new History(folder).read(KEY), record);
    const first = await history.reserve(KEY, (highest) => highest + 1, { record, fate: 'burnt' });
    expect(await isOver()).toBe(false);
    const second = await history.reserve(KEY, (highest) => highest + 1, { record, fate: 'burnt' });
    await history.notePlaced(KEY, first, { revoked: true });
    expect(await isOver()).toBe(false);
    await history.notePlaced(KEY, second, { revoked: true });
    expect(await isOver()).toBe(true);
    const late = recordOf(3);
    const placed = await history.reserve(KEY, (highest) => highest + 1, { record: late, fate: 'burnt' });
    await history.reserve(KEY, (highest) => highest + 1, { record: late, fate: 'burnt' });
    await history.notePlaced(KEY, placed, { revoked: true, ended: { record: late, fate: 'burnt' } });
    expect(hasEnded(await history.read(KEY), late)).toBe(true);

    const other = recordOf(2);
    await history.reserve(KEY, (highest) => highest + 1, { record: other, fate: 'revoked' });
    await history.reserve(KEY, (highest) => highest + 1);
    expect(hasEnded(await history.read(KEY), other)).toBe(true);
    expect(await history.read(KEY)).toMatchObject({ ending: null });
  });

  it('keeps at most 4000 handoffs, the latest', async () => {
    const { history, file } = historyIn();
    const spent = Array.from({ length: 4000 }, (_, i) => ({ signature: `${i}`, fate: 'taken', until: 1e12 }));
    await history.reserve(KEY, () => 1);
    writeFileSync(file, JSON.stringify({ seq: 1, spent }));
    await history.noteTaken(recordOf(1), 1);
    const kept = (await history.read(KEY)).spent;
    expect([kept.length, kept[1]?.signature, kept.at(-1)?.signature]).toEqual([4000, '0', '3998']);
  });

  it('forgets a handoff when it can no longer be picked up, and keeps one without an end', async () => {
    const { history } = historyIn();
    const expired = recordOf(1, 60n, nowSeconds() - 61n);
    const endless = recordOf(2, 2n ** 64n - 1n);
    await end(history, endless, 'burnt');
    await end(history, expired, 'burnt');
    const memory = await history.read(KEY);
    expect([hasEnded(memory, expired), hasEnded(memory, endless)]).toEqual([false, true]);
  });

  it('remembers one fate of a handoff, and that it ended above all', async () => {
    const { history } = historyIn();
    const record = recordOf(1);
    await history.noteTaken(record, 1);
    await end(history, record, 'burnt');
    await history.noteTaken(record, 1);
    expect((await history.read(KEY)).spent).toMatchObject([{ fate: 'burnt' }]);
  });

  it('remembers the highest number that was taken', async () => {
    const { history } = historyIn();
    for (const seq of [5, 9, 7]) await history.noteTaken(recordOf(seq), seq);
    expect((await history.read(KEY)).seen).toBe(9);
  });

  it('is one for each address', async () => {
    const { history } = historyIn();
    await history.reserve(KEY, () => 10);
    expect((await history.read(publicKeyOf(new Uint8Array(32).fill(2)))).seq).toBe(0);
  });

  it('gives no number twice to processes that ask at the same moment', async () => {
    const { folder } = historyIn();
    const writers = [1, 2, 3, 4].map(() => startWriter('reserves numbers', folder));
    const said = writers.map((writer) => {
      let text = '';
      writer.stdout.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      return once(writer, 'close').then(() => text.trim().split('\n').map(Number));
    });
    const numbers = (await Promise.all(said)).flat();
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
});

describe('the memory of versions before this one', () => {
  const withOld = (content: string) => {
    const made = historyIn();
    mkdirSync(join(made.folder, 'published'));
    const old = join(made.folder, 'published', `${NAME}.json`);
    writeFileSync(old, content);
    return { ...made, old };
  };

  it('is carried over, and its file kept', async () => {
    const { history, file, old } = withOld('{"seq":1790000000000000,"revoked":true}');
    expect(await history.read(KEY)).toMatchObject({
      seq: 1_790_000_000_000_000,
      revoked: true,
      placed: true,
      spent: [],
    });
    expect(existsSync(file)).toBe(false);
    expect(await history.reserve(KEY, (highest) => highest + 1)).toBe(1_790_000_000_000_001);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ seq: 1_790_000_000_000_001, revoked: true });
    expect(readFileSync(old, 'utf8')).toBe('{"seq":1790000000000000,"revoked":true}');
  });

  it('is passed over where it is damaged', async () => {
    const { history, lost } = withOld('{"seq":');
    expect((await history.read(KEY)).seq).toBe(0);
    expect(lost).toEqual([]);
  });
});

describe('a damaged history', () => {
  it.each([
    ['nothing', ''],
    ['no JSON', '{"seq":1'],
    ['no number', '{"seq":"1"}'],
    ['a negative number', '{"seq":-1}'],
    ['a number beyond what is exact', '{"seq":9007199254740993}'],
    ['a text for the list', '{"seq":1,"spent":"all"}'],
  ])('that holds %s is set aside, which is said once, and an empty one begun', async (_, content) => {
    const { history, lost, file, folder } = historyIn();
    await history.reserve(KEY, () => 10);
    writeFileSync(file, content);
    expect((await history.read(KEY)).seq).toBe(0);
    expect((await new History(folder, { onLoss: (path) => lost.push(path) }).read(KEY)).seq).toBe(0);
    expect(lost).toEqual([`${file}.damaged`]);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe(content);
    expect(await history.reserve(KEY, (highest) => highest + 1)).toBe(1);
  });

  it('is set aside once, and never the one that is written meanwhile', async () => {
    const { lost, file, folder } = historyIn();
    for (let round = 1; round <= 20; round++) {
      const history = new History(folder, { onLoss: (path) => lost.push(path) });
      await history.reserve(KEY, () => 10);
      writeFileSync(file, '{"seq":');
      const reading = [1, 2, 3].map(() => history.read(KEY));
      await Promise.all([...reading, history.reserve(KEY, () => 100 + round)]);
      expect((await history.read(KEY)).seq).toBe(100 + round);
      expect(lost).toHaveLength(round);
    }
  });

  it('of a later version is read, but for what is unknown', async () => {
    const { history, lost, file } = historyIn();
    await history.noteTaken(recordOf(1), 1);
    const { spent, ...others } = JSON.parse(readFileSync(file, 'utf8'));
    const unknown = { signature: 'x', fate: 'lent', until: 1e12 };
    writeFileSync(file, JSON.stringify({ ...others, seq: 7, more: [], ending: unknown, spent: [unknown, ...spent] }));
    expect(await history.read(KEY)).toMatchObject({ seq: 7, ending: null, spent });
    expect(lost).toEqual([]);
  });

  it.runIf(process.platform !== 'win32')('is read through a link', async () => {
    const { history, lost, file } = historyIn();
    await history.reserve(KEY, () => 10);
    renameSync(file, `${file}.real`);
    symlinkSync(`${file}.real`, file);
    expect((await history.read(KEY)).seq).toBe(10);
    expect(lost).toEqual([]);
  });

  it('that cannot be set aside is never replaced, and said once', async () => {
    const { history, lost, file } = historyIn();
    mkdirSync(join(`${file}.damaged`, 'not empty'), { recursive: true });
    mkdirSync(file, { recursive: true });
    for (let reading = 0; reading < 3; reading++) expect((await history.read(KEY)).seq).toBe(0);
    expect(lost).toEqual([file]);
    await expect(history.reserve(KEY, () => 1)).rejects.toMatchObject({ code: 'refused' });
    await history.noteTaken(recordOf(1), 1);
  });

  it('whose lock somebody holds is not waited for when it is only read', async () => {
    const { history, lost, file, folder } = historyIn();
    await history.reserve(KEY, () => 10);
    writeFileSync(file, '{"seq":');
    const holder = startWriter('holds a lock', `${file}.lock`);
    await once(holder.stdout, 'data');
    const began = performance.now();
    expect((await history.read(KEY)).seq).toBe(0);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(lost).toEqual([file]);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect((await new History(folder).read(KEY)).seq).toBe(0);
  });

  it.runIf(process.platform !== 'win32').each([
    ['a link to a device', (file: string) => symlinkSync('/dev/zero', file)],
    ['a named pipe', (file: string) => execFileSync('mkfifo', [file])],
    ['longer than any of ours', (file: string) => writeFileSync(file, `{"seq":1${' '.repeat(1024 * 1024)}}`)],
  ])('that is %s neither hangs nor fills the memory', async (_, put) => {
    const { history, lost, file, folder } = historyIn();
    mkdirSync(join(folder, 'history'));
    put(file);
    expect((await history.read(KEY)).seq).toBe(0);
    expect(lost).toHaveLength(1);
    expect(await history.reserve(KEY, () => 7)).toBe(7);
  });
});

describe('a state folder that cannot be written', () => {
  it('stops what is not done yet, and says so', async () => {
    const folder = join(temporaryFolder(), 'file');
    writeFileSync(folder, '');
    const history = new History(folder);
    await expect(history.reserve(KEY, () => 1)).rejects.toMatchObject({ code: 'refused' });
  });

  it('does not make what has been done look as if it had failed', async () => {
    const folder = join(temporaryFolder(), 'file');
    writeFileSync(folder, '');
    const history = new History(folder);
    await history.notePlaced(KEY, 1);
    await history.noteTaken(recordOf(1), 1);
    expect((await history.read(KEY)).seq).toBe(0);
  });
});
