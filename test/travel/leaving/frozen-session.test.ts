import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { slugOf } from '../../../src/claude/folders.ts';
import type { Manifest } from '../../../src/travel/bundle/manifest.ts';
import { type ExportOptions, prepareExport } from '../../../src/travel/leaving/export.ts';
import { type FreezeOptions, type FrozenSession, freezeSession } from '../../../src/travel/leaving/frozen-session.ts';
import type { SecretRule } from '../../../src/travel/secrets/rules/secret-rule.ts';
import { flatten } from '../../../src/travel/secrets/scan/flat-text.ts';
import { collect } from '../../support/chunks.ts';
import { sampleClaudeFolder, sessionId, writeTranscript } from '../../support/claude-folder.ts';
import { closedAfterTest } from '../../support/closed-after-test.ts';
import { contentsIn, leavingOptions, openedBundle, RECIPIENT, transcriptIn } from '../../support/departure.ts';
import { madeUpJwt, madeUpPem, madeUpSecret } from '../../support/made-up-secrets.ts';
import { openFilesIn } from '../../support/open-files.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../../support/tmpfs.ts';

const UNSIGNED = { from: null, handoff: null };
const TOOLCALL = '22222222-2222-4222-8222-222222222222';
const SUBAGENT = '33333333-3333-4333-8333-333333333333';
const isLinux = process.platform === 'linux';

/** Finds `secret-<letter>-<8 digits>`. */
const RULE: SecretRule = {
  anchors: ['secret-'],
  *find(text) {
    for (const { index, 0: found } of text.matchAll(/secret-[a-z]-[0-9]{8}/g)) {
      yield { kind: 'test secret', start: index, end: index + found.length };
    }
  },
};
const secret = (letter: string) => `secret-${letter}-${'12345678'}`;

let claudeFolder: string;
let stateFolder: string;

beforeEach(() => {
  claudeFolder = sampleClaudeFolder();
  stateFolder = join(temporaryFolder(), 'state');
});

const transcriptOf = (id: string) => transcriptIn(claudeFolder, id);
const contentsOf = (id: string) => contentsIn(claudeFolder, id);
const optionsFor = (id: string, more: Partial<FreezeOptions> = {}): FreezeOptions => ({
  ...leavingOptions(claudeFolder, id),
  audience: { mode: 'pin' },
  stateFolder,
  variables: {},
  ...more,
});

const frozen = async (id: string, more: Partial<FreezeOptions> = {}, rules: readonly SecretRule[] = [RULE]) =>
  closedAfterTest(await freezeSession(contentsOf(id), optionsFor(id, more), rules));

interface Opened {
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, string>;
  /** All of it. */
  readonly text: string;
}

/** What leaves, as it is opened on the other side. */
async function leaving(session: FrozenSession): Promise<Opened> {
  const sealed = await collect(session.prepared(UNSIGNED).stream(RECIPIENT, null));
  return opened(sealed);
}

async function opened(sealed: Uint8Array): Promise<Opened> {
  const { manifest, files } = await openedBundle(sealed);
  return { manifest, files, text: [JSON.stringify(manifest), ...files.values()].join('\n') };
}

const said = (number: number, content: unknown = `prompt ${number}`, more: object = {}) => ({
  type: 'user',
  message: { role: 'user', content },
  uuid: sessionId(number),
  parentUuid: number === 0 ? null : sessionId(number - 1),
  timestamp: `2026-11-20T10:00:${String(number % 60).padStart(2, '0')}.000Z`,
  cwd: '/home/alice/proj',
  ...more,
});

const called = (number: number, id: string, name: string, input: object) =>
  said(number, [{ type: 'tool_use', id, name, input }], {
    type: 'assistant',
    message: { role: 'assistant', content: [{ type: 'tool_use', id, name, input }] },
  });

const resulted = (number: number, id: string, content: string) =>
  said(number, [{ type: 'tool_result', tool_use_id: id, content }]);

const ID = sessionId(42);

/** A session of these records. Returns the path of its transcript. */
const session = (...records: readonly object[]) => writeTranscript(claudeFolder, '-home-alice-proj', ID, records);

describe('a session for somebody else', () => {
  it('leaves as an export of it, where nothing is found', async () => {
    const options: ExportOptions = { ...optionsFor(SUBAGENT), ...UNSIGNED };
    const prepared = closedAfterTest(await prepareExport(contentsOf(SUBAGENT), options));
    const whole = await opened(await collect(prepared.stream(RECIPIENT, null)));
    const session = await frozen(SUBAGENT);
    expect(session.found).toEqual([]);
    const { manifest, files } = await leaving(session);
    expect(manifest).toEqual({ ...whole.manifest, masked: [] });
    expect(files).toEqual(whole.files);
    await session.mask();
    expect((await leaving(session)).manifest).toEqual(manifest);
  });

  it('tells by kind, number and place what is secret in it, and never what it is', async () => {
    session(
      said(0, `take ${secret('a')}`),
      called(1, 'toolu_1', 'Bash', { command: `echo ${secret('a')} ${secret('b')}` }),
      resulted(2, 'toolu_1', `a\n${secret('a')}`),
    );
    const { found } = await frozen(ID);
    expect(found).toEqual([
      {
        kind: 'test secret',
        values: 2,
        places: 4,
        where: [
          { what: 'a prompt', at: '2026-11-20T10:00:00Z', times: 1 },
          { what: 'a call of Bash', at: '2026-11-20T10:00:01Z', times: 2 },
          { what: 'output of Bash', at: '2026-11-20T10:00:02Z', times: 1 },
        ],
      },
    ]);
    expect(JSON.stringify(found)).not.toContain('secret-');
  });

  it('is masked in every file and text, the same value by the same number', async () => {
    const { path } = transcriptOf(TOOLCALL);
    const folder = path.slice(0, -'.jsonl'.length);
    appendFileSync(path, `${JSON.stringify(said(7, `"${secret('a')}\\n${secret('b')}"`))}\n`);
    appendFileSync(join(folder, 'tool-results/bccoq34fh.txt'), secret('b'));
    writeFileSync(join(folder, 'custom-title.json'), JSON.stringify({ customTitle: `on ${secret('c')}` }));
    const git = {
      remote: `https://host/${secret('d')}`,
      prefix: '',
      branch: secret('e'),
      commit: null,
      changedFiles: 0,
      unpushedCommits: 0,
    };
    const session = await frozen(TOOLCALL, {
      git,
      machine: { home: '/home/alice', host: secret('f'), platform: 'linux' },
    });
    expect(session.found[0]).toMatchObject({ values: 6 });
    const asItIs = await leaving(session);
    for (const letter of 'abcdef') expect(asItIs.text).toContain(secret(letter));
    expect(asItIs.manifest.masked).toBeUndefined();
    await session.mask();
    const { manifest, files, text } = await leaving(session);
    expect(text).not.toContain('secret-');
    expect(manifest.masked).toEqual([{ kind: 'test secret', count: 6 }]);
    expect(files.get('session.jsonl')).toContain('[masked 2: test secret]');
    expect(files.get('tool-results/bccoq34fh.txt')).toContain('[masked 2: test secret]');
    expect(manifest.git).toMatchObject({ branch: expect.stringMatching(/^\[masked \d: test secret\]$/) });
    const { text: before } = asItIs;
    const masked = (all: string, letter: string) =>
      all.replaceAll(secret(letter), `[masked ${letter.charCodeAt(0) - 96}: test secret]`);
    expect(files.get('session.jsonl')).toBe([...'abcdef'].reduce(masked, asItIs.files.get('session.jsonl') ?? before));
  });

  it('shows no line of a file of secrets in a kept output, masked or not, and says so', async () => {
    const output = join(transcriptOf(TOOLCALL).path.slice(0, -'.jsonl'.length), 'tool-results/bccoq34fh.txt');
    writeFileSync(output, `src/a.ts:1:the port\n.env:2:PORT=8421\nsrc/b.ts:3:${secret('a')}\n`);
    const session = await frozen(TOOLCALL);
    const name = 'tool-results/bccoq34fh.txt';
    const loss = { what: `lines in ${name}`, why: expect.stringContaining('files like .env') };
    for (const shown of [secret('a'), '[masked 1: test secret]']) {
      const { manifest, files } = await leaving(session);
      const left = '[left out by cclink: shows a file of secrets]';
      expect(files.get(name)).toBe(`src/a.ts:1:the port\n${left}\nsrc/b.ts:3:${shown}\n`);
      expect(manifest.left.filter(({ what }) => what === loss.what)).toEqual([loss]);
      await session.mask();
    }
  });
});

/** A session of many records, each of a kilobyte and more. */
const large = (text = '') =>
  session(...Array.from({ length: 1100 }, (_, number) => said(number, `prompt ${number} ${'x'.repeat(1000)}${text}`)));

/** Writes a shorter transcript in its place, as `/compact` does; once. */
function compacting(path: string): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    writeFileSync(`${path}.new`, `${JSON.stringify(said(0, 'compacted'))}\n`);
    renameSync(`${path}.new`, path);
  };
}

describe('what cclink itself looks for in a session', () => {
  it('is keys by their form, values of variables and of .env, wherever they stand; and never what tools showed of .env', async () => {
    const directory = temporaryFolder();
    const token = madeUpSecret('ghp_{36a}');
    const [ofVariable = '', ofFile = '', inFile = ''] = [...'abc'].map((seed) => madeUpSecret('{20a}', seed));
    writeFileSync(join(directory, '.env'), `COLOUR="${ofFile}"\n`);
    const there = { cwd: directory };
    const nested = JSON.stringify({ output: JSON.stringify(`x\n${token}\n${ofVariable}`) });
    const path = writeTranscript(claudeFolder, slugOf(directory), ID, [
      said(0, `it is ${ofFile}`, there),
      { ...called(1, 'toolu_1', 'Bash', { command: 'gh auth token' }), ...there },
      { ...resulted(2, 'toolu_1', nested), ...there },
      { ...called(3, 'toolu_2', 'Read', { file_path: join(directory, 'sub/.env') }), ...there },
      { ...resulted(4, 'toolu_2', `NAME=${inFile}`), ...there },
      said(5, 'go on', there),
    ]);
    mkdirSync(join(path.slice(0, -'.jsonl'.length), 'tool-results'), { recursive: true });
    writeFileSync(join(path.slice(0, -'.jsonl'.length), 'tool-results', 'a.txt'), `${ofVariable} ${token}`);
    const variables = { MY_API_KEY: ofVariable, HOME: '/home/alice' };
    const session = closedAfterTest(await freezeSession(contentsOf(ID), optionsFor(ID, { variables })));
    expect(session.found.map(({ kind, values }) => ({ kind, values }))).toEqual(
      expect.arrayContaining([
        { kind: 'GitHub token', values: 1 },
        { kind: 'value of an environment variable', values: 1 },
        { kind: 'value from a .env file', values: 1 },
      ]),
    );
    await session.mask();
    const { manifest, files, text } = await leaving(session);
    for (const value of [token, ofVariable, ofFile, inFile]) expect(text).not.toContain(value);
    expect(manifest.masked).toContainEqual({ kind: 'GitHub token', count: 1 });
    expect(manifest.left.map(({ what }) => what).join()).toContain('files like .env');
    expect(files.get('tool-results/a.txt')).toMatch(/^\[masked \d: [a-z ]+\] \[masked \d: GitHub token\]$/);
    expect(text).toContain('gh auth token');
  });

  it('is found nowhere again once it is masked, however deep it stood in JSON, and in which text', async () => {
    const texts: readonly (readonly [secret: string, text: (secret: string) => string])[] = [
      [madeUpPem(), (key) => `cat key.txt\n${key}\n`],
      [madeUpJwt({ sub: 'alice' }), (token) => `Authorization: Bearer ${token}`],
      [madeUpSecret('{40a}', 'bearer'), (token) => `curl -H "Authorization: Bearer ${token}" https://example.com`],
      [madeUpSecret('{16a}', 'url'), (password) => `DATABASE_URL=postgres://app:${password}@db.example.com/shop`],
      [madeUpSecret('{32a}', 'env'), (value) => `A=1\nINTERNAL_API_TOKEN=${value}\nPORT=8080`],
      [madeUpSecret('sk-ant-oat01-{95w}'), (token) => `"accessToken": "${token}",`],
      [madeUpSecret('AKIA{16u}'), (key) => `aws_access_key_id = ${key}`],
      [madeUpSecret('{40b}', 'aws'), (key) => `aws_secret_access_key = ${key}`],
      [madeUpSecret('{64h}', 'own key'), (key) => `secret_key: ${key}`],
      [madeUpSecret('glpat-{20w}'), (token) => `https://oauth2:${token}@gitlab.com/a/b.git`],
      [madeUpSecret('hooks.slack.com/services/T{10u}/B{10u}/{24a}'), (url) => `POST https://${url}`],
    ];
    const depths = [
      (text: string) => text,
      (text: string) => JSON.stringify({ output: [text] }),
      (text: string) => JSON.stringify({ raw: JSON.stringify({ [text]: text }) }),
    ];
    const all = texts.map(([secret, text]) => text(secret));
    const path = session(
      ...depths.flatMap((deep) => all.map(deep)).map((text, number) => said(number, text)),
      called(99, 'toolu_1', 'Bash', { command: all.join('\n') }),
      resulted(100, 'toolu_1', all.join('\n')),
    );
    const folder = join(path.slice(0, -'.jsonl'.length), 'tool-results');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'a.txt'), all.join('\n'));
    writeFileSync(join(folder, 'b.json'), JSON.stringify(all));
    const frozenOne = closedAfterTest(await freezeSession(contentsOf(ID), optionsFor(ID)));
    await frozenOne.mask();
    const { text } = await leaving(frozenOne);
    const flat = flatten(Buffer.from(text)).bytes.toString();
    // A part of each, for an end of it may be masked by another name.
    for (const [secret] of texts)
      expect(flat).not.toContain(secret.slice(secret.length / 2 - 5, secret.length / 2 + 5));
    expect(frozenOne.found.reduce((sum, { values }) => sum + values, 0)).toBeGreaterThanOrEqual(texts.length);
  });
});

describe('what a session can not do without', () => {
  it('is no secret if it is its id, and else keeps the session here', async () => {
    session(
      ...[0, 1].map((number) => said(number, `prompt ${number}`, { sessionId: ID, agentId: 'an-agent-of-mine' })),
    );
    const withId = await frozen(ID, { variables: { SESSION_KEY: ID } });
    expect(withId.found).toEqual([]);
    const withAgent = await frozen(ID, { variables: { AGENT_KEY: 'an-agent-of-mine' } });
    expect(withAgent.found).toHaveLength(1);
    await expect(withAgent.mask()).rejects.toMatchObject({ code: 'refused' });
    expect(() => withAgent.prepared(UNSIGNED)).toThrow(TypeError);
  });
});

describe('what the bundle of a masked session says of it', () => {
  it('holds no beginning of a value either, where a text is cut in the middle of one', async () => {
    for (const length of [170, 180, 190, 195]) {
      session(said(0, `${'x'.repeat(length - 1)} ${secret('a')}`), said(1, 'go on'));
      const frozenOne = await frozen(ID);
      expect((await leaving(frozenOne)).manifest.title).toContain('xxx s');
      await frozenOne.mask();
      const { manifest, text } = await leaving(frozenOne);
      expect(manifest.title).toMatch(/x (?:\[masked 1: test secret\]|s?e?c?)…?$/);
      expect(text).not.toMatch(/secr(?:et-|e?t?…)/);
    }
  });

  it('names no file whose name holds a value as it is: each is left', async () => {
    const folder = session(said(0)).slice(0, -'.jsonl'.length);
    mkdirSync(join(folder, 'tool-results'), { recursive: true });
    for (const name of ['a', 'b']) writeFileSync(join(folder, 'tool-results', `${secret(name)}.txt`), 'x');
    const frozenOne = await frozen(ID);
    expect(frozenOne.found).toMatchObject([
      { values: 2, where: Array(2).fill({ what: 'what the bundle says of it' }) },
    ]);
    await frozenOne.mask();
    const { manifest, text } = await leaving(frozenOne);
    for (const number of [1, 2]) {
      const what = `tool-results/[masked ${number}: test secret].txt`;
      expect(manifest.left).toContainEqual({ what, why: 'there is a secret in its name' });
    }
    expect(text).not.toContain('secret-');
  });

  it('numbers what is masked above what an earlier masking left', async () => {
    session(said(0, `[masked 7: GitHub token] ${secret('a')}`));
    const frozenOne = await frozen(ID);
    await frozenOne.mask();
    const { text } = await leaving(frozenOne);
    expect(text).toContain('[masked 7: GitHub token] [masked 8: test secret]');
  });
});

describe('a frozen session', () => {
  it('is what it was, whatever is said, compacted or removed then', async () => {
    const path = large();
    const whole = readFileSync(path, 'utf8');
    const session = await frozen(ID);
    appendFileSync(path, `${JSON.stringify(said(1, secret('a')))}\n`);
    compacting(path)();
    rmSync(path);
    expect((await leaving(session)).files.get('session.jsonl')).toBe(whole);
    await session.mask();
    expect((await leaving(session)).files.get('session.jsonl')).toBe(whole);
  });

  it('is cut where it was when it was opened, and read again where it was compacted meanwhile', async () => {
    const path = large();
    const whole = readFileSync(path, 'utf8');
    const grow = () => appendFileSync(path, `${JSON.stringify(said(9999, secret('a')))}\n`);
    const grown = await frozen(ID, { onRead: grow });
    expect((await leaving(grown)).files.get('session.jsonl')).toBe(whole);
    const compacted = await frozen(ID, { onRead: compacting(path) });
    expect((await leaving(compacted)).files.get('session.jsonl')).toBe(`${JSON.stringify(said(0, 'compacted'))}\n`);
  });

  it('is refused if it is written anew each time that it is read, and leaves nothing', async () => {
    const path = large();
    const rewrite = () => {
      writeFileSync(`${path}.new`, readFileSync(path));
      renameSync(`${path}.new`, path);
    };
    await expect(frozen(ID, { onRead: rewrite })).rejects.toMatchObject({ code: 'refused' });
    expect(readdirSync(stateFolder)).toEqual([]);
    if (isLinux) expect(openFilesIn(stateFolder)).toEqual([]);
  });

  it('tells how much was read: all of it twice, and twice more to mask it', async () => {
    let read = 0;
    const onRead = (bytes: number) => {
      read += bytes;
    };
    const size = statSync(large(secret('a'))).size;
    const session = await frozen(ID, { onRead });
    expect(read / size).toBeCloseTo(2, 2);
    read = 0;
    await session.mask(onRead);
    expect(read / size).toBeCloseTo(2, 1);
  });

  it.runIf(isLinux)('takes disk for itself once, and gives it back', async () => {
    session(said(0, secret('a')));
    const frozen = await freezeSession(contentsOf(ID), optionsFor(ID), [RULE]);
    expect(openFilesIn(stateFolder)).toHaveLength(1);
    await frozen.mask();
    expect(openFilesIn(stateFolder)).toHaveLength(1);
    expect(readdirSync(stateFolder)).toEqual([]);
    frozen.close();
    expect(openFilesIn(stateFolder)).toEqual([]);
    expect(() => frozen.prepared(UNSIGNED)).toThrow(TypeError);
  });

  it.runIf(isLinux)('leaves nothing of a process that was killed', async () => {
    large();
    const script = fileURLToPath(new URL('../../support/freezing-child.ts', import.meta.url));
    const args = ['--import', import.meta.resolve('tsx'), script, claudeFolder, ID, stateFolder];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const [spool = ''] = openFilesIn(stateFolder, child.pid);
    expect(statSync(spool)).toMatchObject({ nlink: 0, size: statSync(transcriptOf(ID).path).size });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(stateFolder)).toEqual([]);
  });

  it.runIf(canMount)('needs room on the disk, and takes none where it finds too little', async () => {
    large(secret('a'));
    await withTinyDisk(2.5 * 1024, async ({ path }) => {
      const free = () => statfsSync(path).bfree;
      const before = free();
      const session = await frozen(ID, { stateFolder: path });
      expect(free()).toBeLessThan(before);
      const full = { code: 'refused', message: expect.stringContaining('the disk is full') };
      await expect(session.mask()).rejects.toMatchObject(full);
      session.close();
      expect(free()).toBe(before);
      writeFileSync(join(path, 'other'), Buffer.alloc(2e6));
      await expect(frozen(ID, { stateFolder: path })).rejects.toMatchObject(full);
      rmSync(join(path, 'other'));
      expect(free()).toBe(before);
    });
  });
});

describe('what is found again after it was masked', () => {
  it('is masked as well, if the mask let it show', async () => {
    // Shows itself only behind a placeholder.
    const shy: SecretRule = {
      anchors: [],
      *find(text) {
        for (const { index } of text.matchAll(/(?<=\[masked \d: test secret\] )shy-[0-9]{8}/g)) {
          yield { kind: 'shy secret', start: index, end: index + 12 };
        }
      },
    };
    session(said(0, `${secret('a')} shy-12345678`));
    const frozenOne = await frozen(ID, {}, [RULE, shy]);
    expect(frozenOne.found.map(({ kind }) => kind)).toEqual(['test secret']);
    await frozenOne.mask();
    const { text, manifest } = await leaving(frozenOne);
    expect(text).not.toContain('shy-');
    expect(manifest.masked).toEqual([
      { kind: 'test secret', count: 1 },
      { kind: 'shy secret', count: 1 },
    ]);
  });

  it('again and again is left out, with what holds it, and the rest leaves', async () => {
    // Of any number that stand side by side, the first one shows itself.
    const hidden: SecretRule = {
      anchors: [],
      *find(text) {
        for (const { index } of text.matchAll(/(?<!\w)row-[0-9]{8}/g)) {
          yield { kind: 'row', start: index, end: index + 12 };
        }
      },
    };
    const row = (count: number) => Array.from({ length: count }, (_, i) => `row-${10_000_000 + i}`).join('');
    session(said(0, `short: ${row(2)}`), said(1, `long: ${row(9)}`), said(2, 'go on'), {
      type: 'custom-title',
      customTitle: `of ${row(8)}`,
      sessionId: ID,
    });
    const folder = join(claudeFolder, 'projects', '-home-alice-proj', ID, 'tool-results');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'a.txt'), `long: ${row(7)}`);
    writeFileSync(join(folder, 'b.txt'), `short: ${row(2)}`);
    const frozenOne = await frozen(ID, {}, [hidden]);
    await frozenOne.mask();
    const { text, manifest, files } = await leaving(frozenOne);
    expect(text).not.toContain('row-');
    expect(text).toContain('short: [masked 1: row][masked 2: row]');
    expect(text).toContain('go on');
    expect(text).not.toContain('long: ');
    expect([...files.keys()].sort()).toEqual(['session.jsonl', 'tool-results/b.txt']);
    expect(manifest.title).toBe('[left out by cclink: holds a secret]');
    const lines = (files.get('session.jsonl') ?? '').split('\n').filter((line) => line !== '');
    expect(lines.map((line) => JSON.parse(line))[1]).toMatchObject({ uuid: sessionId(2), parentUuid: sessionId(0) });
  });

  it('is not given on by a link to a record that goes for it', async () => {
    const link = 'a-sécret-of-mine';
    session(said(0), said(1, 'linked', { parentUuid: link }), said(2, 'go on'));
    const frozenOne = await frozen(ID, { variables: { A_TOKEN: link } });
    await frozenOne.mask();
    const { files } = await leaving(frozenOne);
    const records = (files.get('session.jsonl') ?? '').trim().split('\n');
    expect(records.map((line) => JSON.parse(line))).toMatchObject([
      { uuid: sessionId(0) },
      { uuid: sessionId(2), parentUuid: null },
    ]);
  });

  it('is left out with the file in which it stands where nothing can be masked', async () => {
    session(said(0, secret('a')), said(1, secret('b')));
    const folder = join(claudeFolder, 'projects', '-home-alice-proj', ID);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'custom-title.json'), JSON.stringify({ customTitle: 'a title', type: secret('a') }));
    const frozenOne = await frozen(ID);
    await frozenOne.mask();
    const { text, files, manifest } = await leaving(frozenOne);
    expect([...files.keys()]).toEqual(['session.jsonl']);
    expect(text).toContain('"content":"[masked 1: test secret]"');
    expect(manifest.left).toContainEqual({ what: 'custom-title.json', why: "holds secrets that can't be masked" });
  });

  it('is refused if it is more than memory may hold, and leaves nothing', async () => {
    const numbers: SecretRule = {
      anchors: [],
      *find(text) {
        for (const { index } of text.matchAll(/no\.[0-9]{6}/g)) yield { kind: 'number', start: index, end: index + 9 };
      },
    };
    session(said(0, Array.from({ length: 100_001 }, (_, number) => `no.${100_000 + number}`).join(' ')));
    await expect(frozen(ID, {}, [numbers])).rejects.toMatchObject({ code: 'refused' });
    if (isLinux) expect(openFilesIn(stateFolder)).toEqual([]);
  });

  it('and again is refused, and then nothing can leave', async () => {
    const always: SecretRule = {
      anchors: [],
      *find(text) {
        const index = text.indexOf('[masked');
        if (index !== -1) yield { kind: 'placeholder', start: index, end: index + 12 };
      },
    };
    session(said(0, secret('a')), said(1, 'go on'));
    const frozenOne = await frozen(ID, {}, [RULE, always]);
    const refusal = await frozenOne.mask().catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'refused',
      message: expect.stringContaining('placeholder in what the bundle says'),
    });
    expect(JSON.stringify([refusal, String(refusal)])).not.toContain('secret-');
    expect(() => frozenOne.prepared(UNSIGNED)).toThrow(TypeError);
    if (isLinux) expect(openFilesIn(stateFolder)).toEqual([]);
  });
});
