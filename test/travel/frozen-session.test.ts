import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeSession } from '../../src/claude/session.ts';
import { sessionContents } from '../../src/claude/session-contents.ts';
import { findTranscripts } from '../../src/claude/transcript-files.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { readBundle } from '../../src/travel/bundle/bundle-reader.ts';
import type { Manifest } from '../../src/travel/bundle/manifest.ts';
import { type ExportOptions, prepareExport } from '../../src/travel/export.ts';
import { type FreezeOptions, type FrozenSession, freezeSession } from '../../src/travel/frozen-session.ts';
import type { SecretRule } from '../../src/travel/secrets/secret-rule.ts';
import { chunked, collect } from '../support/chunks.ts';
import { sampleClaudeFolder, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { closedAfterTest } from '../support/closed-after-test.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SECRET = new Uint8Array(32).fill(7);
const RECIPIENT = { kind: 'x25519', publicKey: x25519PublicOfSecret(SECRET) } as const;
const UNSIGNED = { from: null, handoff: null };
const TOOLCALL = '22222222-2222-4222-8222-222222222222';
const SUBAGENT = '33333333-3333-4333-8333-333333333333';
const NOW_MS = Date.parse('2026-11-20T12:30:00.000Z');

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

function transcriptOf(id: string) {
  const [transcript] = findTranscripts(claudeFolder, id);
  if (transcript === undefined) throw new Error('no transcript');
  return transcript;
}

const contentsOf = (id: string) => () =>
  sessionContents(claudeFolder, transcriptOf(id), { memory: false, secrets: [] });

function optionsFor(id: string, more: Partial<FreezeOptions> = {}): FreezeOptions {
  return {
    session: describeSession(transcriptOf(id)),
    audience: { mode: 'pin' },
    withoutThinking: false,
    git: null,
    machine: { home: '/home/alice', host: 'laptop', platform: 'linux' },
    nowMs: NOW_MS,
    stateFolder,
    variables: {},
    ...more,
  };
}

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
  const bundle = await readBundle(chunked(sealed, 100_000), { secrets: async () => [Uint8Array.from(SECRET)] });
  const files = new Map<string, string>();
  for await (const { name, content } of bundle.files) files.set(name, (await collect(content)).toString());
  await bundle.close();
  const { manifest } = bundle;
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
        where: ['a prompt, 2 hours ago', 'a call of Bash, 2 hours ago', 'output of Bash, 2 hours ago'],
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
});
