import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { parsePacket, type ResourceRecord } from '../../src/dht/dns-packet.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { History } from '../../src/handoff/history.ts';
import { lookUp } from '../../src/handoff/lookup.ts';
import { openRecord } from '../../src/handoff/open.ts';
import { type Handoff, publish } from '../../src/handoff/publish.ts';
import { revoke } from '../../src/handoff/revoke.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { PeerProcess } from './peer-process.ts';
import { describePeer } from './peer-programs.ts';

/** A resource record as pkarr reads it; bytes are Latin-1 text. */
interface Answer {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
}

/** A packet as pkarr reads it, its signature verified. */
interface PkarrPacket {
  /** z-base-32. */
  readonly key: string;
  /** Microseconds. */
  readonly seq: number;
  /** The encoded DNS packet in hexadecimal. */
  readonly value: string;
  readonly answers: readonly Answer[];
}

const NOW = 1_790_000_000_000;
const HANDOFF: Handoff = {
  audience: { mode: 'self' },
  burn: false,
  ttl: 86_400,
  payload: { host: 'laptop', project: '/home/alice/proj', session: '11111111-1111-4111-8111-111111111111' },
};

/** What a Pubky user keeps under a key; names are relative to it. */
const SITE: readonly Answer[] = [
  { name: '_pubky', type: 'TXT', ttl: 3600, data: ['home=8pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo', ''] },
  { name: '_pubky', type: 'UNKNOWN_65', ttl: 3600, data: '\x00\x01\x00\x00\x03\x00\x02\x1f\x90' },
  { name: '@', type: 'A', ttl: 300, data: '203.0.113.7' },
  { name: 'www', type: 'CNAME', ttl: 300, data: 'site.example.com' },
  { name: '@', type: 'MX', ttl: 300, data: { preference: 10, exchange: 'mail.example.com' } },
];

/** The character-strings of a TXT record, joined. */
const joined = (answer: Answer | undefined) => (answer?.data as string[] | undefined)?.join('');
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

describePeer('npm pkarr', missing(), () => {
  let network: PrivateNetwork;
  let dht: Dht;
  let pkarr: PeerProcess;
  /** pkarr's home folder, and our own state folder. */
  let folder: string;
  let identity: Identity;
  let keys = 0;

  beforeAll(async () => {
    network = await startPrivateNetwork({ nodes: 12 });
    dht = openDht({ bootstrap: parseBootstrap(network.bootstrap) });
    folder = mkdtempSync(join(tmpdir(), 'cclink-test-'));
    mkdirSync(join(folder, '.config')); // pkarr fails to make its own folder if this one is missing
    const script = fileURLToPath(new URL('./pkarr-peer.mjs', import.meta.url));
    pkarr = new PeerProcess(process.execPath, [script, network.bootstrap], { HOME: folder });
  });
  beforeEach(() => {
    keys += 1;
    identity = identityOf(new Uint8Array(32).fill(keys));
  });
  afterAll(async () => {
    await pkarr.close();
    dht.close();
    await network.close();
    rmSync(folder, { recursive: true });
  });

  const pkarrPublishes = (answers: readonly Answer[], milliseconds: number) =>
    pkarr.ask<PkarrPacket>({ request: 'publish', seed: hex(identity.seed), answers, timestamp: milliseconds * 1000 });
  const pkarrResolves = (first = false) =>
    pkarr.ask<PkarrPacket>({ request: 'resolve', key: encodePublicKey(identity.publicKey), first });
  const published = (handoff: Handoff = HANDOFF) =>
    publish(dht, identity, handoff, { now: () => NOW, history: new History(folder) });
  const newest = async (): Promise<MutableItem | null> => (await dht.resolve(identity.publicKey)).newest;

  it('publishes a packet that we resolve, verify and read record by record', async () => {
    const theirs = await pkarrPublishes(SITE, NOW);
    expect(theirs.key).toBe(encodePublicKey(identity.publicKey));
    const item = await newest();
    expect(item?.seq).toBe(NOW * 1000);
    expect(hex(item?.value)).toBe(theirs.value);

    const { records } = parsePacket(item?.value ?? new Uint8Array());
    const names = records.map(({ owner }) => owner.map(latin1).join('.'));
    const apex = encodePublicKey(identity.publicKey);
    expect(names).toEqual([`_pubky.${apex}`, `_pubky.${apex}`, apex, `www.${apex}`, apex]);
    expect(records.map(({ type, ttl }) => [type, ttl])).toEqual([
      [16, 3600],
      [65, 3600],
      [1, 300],
      [5, 300],
      [15, 300],
    ]);
    expect(records.map(({ data }) => latin1(data))).toEqual([
      '\x39home=8pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo\x00',
      '\x00\x01\x00\x00\x03\x00\x02\x1f\x90',
      '\xcb\x00\x71\x07',
      '\x04site\x07example\x03com\x00',
      '\x00\x0a\x04mail\x07example\x03com\x00',
    ]);
  });

  it('keeps its records byte for byte when we publish beside them and when we take the handoff back', async () => {
    const before = await pkarrPublishes(SITE, NOW - 1000);
    const records = parsePacket(Buffer.from(before.value, 'hex')).records;
    const { record } = await published();
    const beside = await pkarrResolves();
    expect(beside.answers.slice(0, -1)).toEqual(before.answers);
    expect(beside.answers.at(-1)?.name).toBe(`_cclink.${before.key}`);
    expect(others(await newest(), before.key)).toEqual(records);

    await revoke(dht, identity, record.text, { now: () => NOW, history: new History(folder) });
    expect((await pkarrResolves()).answers).toEqual(before.answers);
    expect(others(await newest(), before.key)).toEqual(records);
  });

  it('resolves the handoff that we published and reads the text of its _cclink record', async () => {
    const { record, seq } = await published();
    const packet = await pkarrResolves();
    expect(packet.seq).toBe(seq);
    expect(packet.answers).toHaveLength(1);
    const [answer] = packet.answers;
    expect(answer).toMatchObject({ name: `_cclink.${packet.key}`, type: 'TXT', ttl: 86_400 });
    expect(answer?.data).toHaveLength(Math.ceil(record.text.length / 254));
    expect(joined(answer)).toBe(record.text);
    expect(await pkarrResolves(true)).toEqual(packet);
  });

  it('resolves a handoff as large as the DHT carries', async () => {
    const project = `/home/alice/${'a/'.repeat(400)}proj`;
    const { record, payload } = await published({ ...HANDOFF, payload: { ...HANDOFF.payload, project } });
    expect(payload.project).toMatch(/^…/u);
    const { value, answers } = await pkarrResolves();
    expect(value.length / 2).toBeGreaterThan(990);
    expect(value.length / 2).toBeLessThanOrEqual(996);
    expect(joined(answers[0])).toBe(record.text);
  });

  it('adds a record beside our handoff, which we still verify and open', async () => {
    await published();
    await pkarr.ask({ request: 'add', seed: hex(identity.seed), answer: SITE[0] });
    const { record } = await lookUp(dht, identity.publicKey);
    expect(record && (await openRecord(record, identity))).toEqual(HANDOFF.payload);
    expect(parsePacket((await newest())?.value ?? new Uint8Array()).records).toHaveLength(2);
  });

  it('resolves what we published last, though its own packet had a clock that is ahead of ours', async () => {
    const ahead = await pkarrPublishes(SITE, NOW + 3_600_000);
    const { seq } = await published();
    expect(seq - ahead.seq).toBeGreaterThanOrEqual(2);
    expect(await pkarrResolves()).toMatchObject({ seq, answers: { length: SITE.length + 1 } });
  });

  it('reads our revocation of a handoff that stood alone as a packet without records', async () => {
    const { record } = await published();
    await revoke(dht, identity, record.text, { now: () => NOW, history: new History(folder) });
    expect(await pkarrResolves()).toMatchObject({ value: '000080000000000000000000', answers: [] });
  });
});

/** The records beside the handoff in a packet, with all their bytes. */
function others(item: MutableItem | null, key: string): readonly ResourceRecord[] {
  return HANDOFF_TXT.remove(parsePacket(item?.value ?? new Uint8Array()), key).records;
}

function missing(): string[] {
  try {
    createRequire(import.meta.url).resolve('pkarr');
    return [];
  } catch {
    return ['npm pkarr'];
  }
}
