import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publicKeyOf, sign, verify } from '../../../src/crypto/ed25519.ts';
import { encodePublicKey } from '../../../src/identity/public-key.ts';
import { MAX_FILE_BYTES, MAX_FILES, MAX_MANIFEST_BYTES, MAX_MANIFEST_TEXT } from '../../../src/travel/bundle/limits.ts';
import {
  BUNDLE_FORMAT,
  encodeManifest,
  type Manifest,
  parseManifest,
  signManifest,
  verifyManifest,
} from '../../../src/travel/bundle/manifest.ts';
import { manifestOf } from '../../support/bundles.ts';

const SEED = new Uint8Array(32).fill(5);
const KEY = publicKeyOf(SEED);
const MANIFEST = manifestOf({ 'session.jsonl': 'x', 'tool-results/a.txt': '' }, SEED);
const SHA256 = 'a'.repeat(64);

const defect = (kind: string) => expect.objectContaining({ name: 'Failure', code: 'refused', defect: kind });
const withChange = (change: Readonly<Record<string, unknown>>) =>
  Buffer.from(JSON.stringify({ ...MANIFEST, ...change }));
const filesNamed = (...names: readonly string[]) => names.map((name) => ({ name, bytes: 1, sha256: SHA256 }));

describe('a manifest', () => {
  it('is JSON without spaces whose keys are in one order, whatever theirs was', () => {
    const shuffled = Object.fromEntries(Object.entries(MANIFEST).reverse()) as unknown as Manifest;
    const bytes = encodeManifest(shuffled);
    expect(bytes.equals(encodeManifest(MANIFEST))).toBe(true);
    expect(bytes.toString()).toMatch(/^\{"format":1,"session":"1{8}-/);
    expect(parseManifest(bytes)).toEqual(MANIFEST);
  });

  it('comes back as it was, whatever its texts are', () => {
    const text = fc.string({ unit: 'binary', maxLength: 50 });
    const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
    const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    const time = fc
      .date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
      .map((date) => date.toISOString());
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => encodePublicKey(bytes));
    const hex = (length: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
    const unmasked: fc.Arbitrary<Manifest> = fc.record({
      format: fc.constant(1),
      session: fc.uuid().filter((id) => id === id.toLowerCase()),
      title: orNull(text),
      turns: count,
      lastPrompt: orNull(text),
      lastChange: orNull(time),
      directory: orNull(text),
      home: text,
      claudeFolder: text,
      projectFolder: text,
      platform: fc.constantFrom('linux', 'darwin', 'win32'),
      host: text,
      claudeVersion: orNull(text),
      git: orNull(
        fc.record({
          remote: orNull(text),
          prefix: fc.constantFrom('', 'packages/app', '.config/x', 'größer/...'),
          branch: orNull(text),
          commit: orNull(fc.oneof(hex(40), hex(64))),
          changedFiles: orNull(count),
          unpushedCommits: orNull(count),
        }),
      ),
      tools: fc.array(text),
      mcpServers: fc.array(text),
      from: orNull(key),
      audience: fc.oneof(
        fc.constant({ mode: 'self' } as const),
        fc.constant({ mode: 'pin' } as const),
        fc.record({ mode: fc.constant('share' as const), publicKey: key }),
      ),
      createdAt: time,
      handoff: orNull(fc.record({ address: key, t: fc.constant('A'.repeat(43)) })),
      files: fc.constant(filesNamed('session.jsonl', 'subagents/agent-1.jsonl')),
      left: fc.array(fc.record({ what: text, why: text })),
    });
    const masked = fc.array(fc.record({ kind: text, count }));
    const manifests = fc.oneof(
      unmasked,
      fc.tuple(unmasked, masked).map(([manifest, masked]) => ({ ...manifest, masked })),
    );
    fc.assert(
      fc.property(manifests, (manifest) => {
        expect(parseManifest(encodeManifest(manifest))).toEqual(manifest);
      }),
      { numRuns: 50 },
    );
  });

  it.each<[string, Buffer]>([
    ['a key more', withChange({ model: 'x' })],
    ['a space more', Buffer.from(encodeManifest(MANIFEST).toString().replace(':', ': '))],
    ['a line end', Buffer.from(`${encodeManifest(MANIFEST)}\n`)],
    ['a key twice', Buffer.from(encodeManifest(MANIFEST).toString().replace('"turns":3', '"turns":3,"turns":3'))],
    ['__proto__', Buffer.from(encodeManifest(MANIFEST).toString().replace('"turns"', '"__proto__":{},"turns"'))],
    [
      'keys in another order',
      Buffer.from(JSON.stringify({ format: 1, ...Object.fromEntries(Object.entries(MANIFEST).reverse()) })),
    ],
    ['an escape that is not needed', Buffer.from(encodeManifest(MANIFEST).toString().replace('büro', 'b\\u00fcro'))],
    ['bytes that are not UTF-8', Buffer.from(encodeManifest(MANIFEST).toString().replace('büro', 'b\xfcro'), 'latin1')],
    ['1.0 for 1', Buffer.from(encodeManifest(MANIFEST).toString().replace('"turns":3', '"turns":3.0'))],
    ['-0', Buffer.from(encodeManifest(MANIFEST).toString().replace('"turns":3', '"turns":-0'))],
    ['a byte order mark', Buffer.from(`\ufeff${encodeManifest(MANIFEST)}`)],
  ])('with %s is refused', (_, bytes) => {
    expect(() => parseManifest(bytes)).toThrow(expect.objectContaining({ code: 'refused' }));
  });

  it.each<[string, unknown]>([
    ['session', 'no id'],
    ['session', '11111111-1111-4111-8111-11111111111G'],
    ['title', 1],
    ['turns', -1],
    ['turns', '3'],
    ['turns', 2 ** 53],
    ['lastChange', '2026-11-20'],
    ['lastChange', '2026-11-31T21:52:34.608Z'],
    ['lastChange', '1969-12-31T23:59:59.999Z'],
    ['lastChange', '2026-11-20T21:52:34.608+01:00'],
    ['home', null],
    ['platform', '../linux'],
    ['git', []],
    ['git', { remote: null, prefix: '', branch: null, commit: 'HEAD', changedFiles: 0, unpushedCommits: 0 }],
    ...['/', '/a', 'a/', 'a//b', '..', '../a', 'a/../b', 'a/.', 'a\\..\\b', 'a\0'].map((prefix): [string, unknown] => [
      'git',
      { ...MANIFEST.git, prefix },
    ]),
    ['tools', [1]],
    ['tools', {}],
    ['from', encodePublicKey(KEY).slice(1)],
    ['from', `pk:${encodePublicKey(KEY)}`],
    ['audience', { mode: 'all' }],
    ['audience', { mode: 'share' }],
    ['audience', { mode: 'recipient', recipient: 'ssh-ed25519 AAAA' }],
    ['createdAt', null],
    ['handoff', { address: encodePublicKey(KEY), t: 'short' }],
    ['files', []],
    ['files', [null]],
    ['files', [{ name: 'session.jsonl', bytes: 1.5, sha256: SHA256 }]],
    ['files', [{ name: 'session.jsonl', bytes: 1, sha256: SHA256.toUpperCase() }]],
    ['left', ['something']],
    ['masked', null],
    ['masked', { kind: 'GitHub token', count: 1 }],
    ['masked', [{ kind: 'GitHub token' }]],
    ['masked', [{ kind: 'GitHub token', count: -1 }]],
  ])('with %s %j is refused', (key, value) => {
    expect(() => parseManifest(withChange({ [key]: value }))).toThrow(defect('malformed'));
  });

  it.each(['subagents/agent-1.jsonl', '../session.jsonl', '/etc/passwd', 'session.jsonl\0', 'Session.jsonl'])(
    'whose first file is %j is refused: that is the transcript',
    (name) => {
      expect(() => parseManifest(withChange({ files: filesNamed(name) }))).toThrow(defect('malformed'));
    },
  );

  it('says what was masked only where somebody looked for it, and nothing where that was nothing', () => {
    expect('masked' in parseManifest(encodeManifest(MANIFEST))).toBe(false);
    const withNothing = { ...MANIFEST, masked: [] };
    expect(parseManifest(encodeManifest(withNothing))).toEqual(withNothing);
    const first = Buffer.from(JSON.stringify({ masked: [], ...MANIFEST }));
    expect(() => parseManifest(first)).toThrow(defect('malformed'));
  });

  it.each([
    '',
    '.',
    '..',
    'manifest.json',
    'manifest.sig',
    '../x',
    'tool-results/../../x',
    'tool-results/..',
    'tool-results//x',
    'tool-results/x/y',
    '/tool-results/x',
    'tool-results\\x',
    'tool-results/x\n',
    'tool-results/x ',
    'tool-results/x.',
    'tool-results/CON',
    'tool-results/nul.txt',
    'tool-results/\u212a', // the Kelvin sign, a K where capitals don't count
    'tool-results/\u00e9',
    'tool-results/x:y',
    `tool-results/${'x'.repeat(101)}`,
    'file-history/0123456789abcdef',
    'tasks/.lock',
    'settings.json',
    '.credentials.json',
    'session.jsonl.superseded-1',
  ])('with a file %j is refused: no session has one', (name) => {
    expect(() => parseManifest(withChange({ files: filesNamed('session.jsonl', name) }))).toThrow(defect('malformed'));
  });

  it('with two files of one name is refused, also if only capitals tell them apart', () => {
    for (const names of [
      ['session.jsonl', 'session.jsonl'],
      ['session.jsonl', 'tool-results/a.txt', 'tool-results/a.txt'],
      ['session.jsonl', 'tool-results/a.txt', 'tool-results/A.TXT'],
    ]) {
      expect(() => parseManifest(withChange({ files: filesNamed(...names) }))).toThrow(defect('malformed'));
    }
  });

  it('over a limit is refused, when it is read and when it is written', () => {
    const many = Array.from({ length: MAX_FILES }, (_, i) => `tasks/${i}.json`);
    const file = (name: string, bytes: number) => ({ name, bytes, sha256: SHA256 });
    const changes: Partial<Manifest>[] = [
      { files: filesNamed('session.jsonl', ...many) },
      { files: [file('session.jsonl', MAX_FILE_BYTES + 1)] },
      { files: ['session.jsonl', 'tasks/1.json', 'tasks/2.json'].map((name) => file(name, MAX_FILE_BYTES)) },
      { host: 'x'.repeat(MAX_MANIFEST_TEXT + 1) },
      { tools: Array(10_001).fill('x') },
      { left: Array(10_000).fill({ what: 'x'.repeat(200), why: 'y'.repeat(200) }) },
    ];
    for (const change of changes) {
      expect(() => parseManifest(withChange(change))).toThrow(defect('over the limits'));
      expect(() => encodeManifest({ ...MANIFEST, ...change })).toThrow(defect('over the limits'));
    }
    expect(() => parseManifest(Buffer.alloc(MAX_MANIFEST_BYTES + 1, '['))).toThrow(defect('over the limits'));
    const most = { ...MANIFEST, files: filesNamed('session.jsonl', ...many.slice(1)) };
    expect(parseManifest(encodeManifest(most)).files).toHaveLength(MAX_FILES);
  });

  it('of a newer format is refused with the line that updates, whatever else it is like', () => {
    for (const format of [BUNDLE_FORMAT + 1, 77]) {
      for (const bytes of [withChange({ format }), Buffer.from(`{"format":${format},"frames":[]}`)]) {
        expect(() => parseManifest(bytes)).toThrow(defect('newer format'));
        expect(() => parseManifest(bytes)).toThrow(
          expect.objectContaining({ hint: expect.stringMatching(/npm install -g cclink/) }),
        );
      }
    }
  });

  it('that is something else altogether is said to be no bundle', () => {
    for (const text of [
      '',
      'x',
      '[]',
      'null',
      '{}',
      '{"format":"1"}',
      '{"format":0}',
      '{"format":1.5}',
      '[1,{"format":1}]',
    ]) {
      expect(() => parseManifest(Buffer.from(text)), text).toThrow(defect('no bundle'));
    }
    expect(() => parseManifest(Buffer.alloc(1_000_000, '['))).toThrow(defect('no bundle'));
  });
});

describe('its signature', () => {
  it('is over these bytes, for no other use, and nobody else’s', () => {
    const bytes = encodeManifest(MANIFEST);
    const signature = signManifest(bytes, (message) => sign(SEED, message));
    expect(signature).toHaveLength(64);
    expect(verifyManifest(bytes, signature, KEY)).toBe(true);
    expect(verify(KEY, Buffer.concat([Buffer.from('cclink-bundle-v1\0'), bytes]), signature)).toBe(true);
    expect(verifyManifest(Buffer.concat([bytes, Buffer.from(' ')]), signature, KEY)).toBe(false);
    expect(verifyManifest(bytes, sign(SEED, bytes), KEY)).toBe(false);
    expect(verifyManifest(bytes, signature, publicKeyOf(new Uint8Array(32).fill(6)))).toBe(false);
    expect(verifyManifest(bytes, signature.subarray(1), KEY)).toBe(false);
  });
});
