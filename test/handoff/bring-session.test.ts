import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { localSession } from '../../src/claude/local-session.ts';
import { sign } from '../../src/crypto/ed25519.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { Failure } from '../../src/failure.ts';
import { type AroundQuestion, bringSession } from '../../src/handoff/bring-session.ts';
import { type Bringing, mayBring } from '../../src/handoff/bringing.ts';
import type { FoundHandoff } from '../../src/handoff/reader.ts';
import { signRecord } from '../../src/handoff/record.ts';
import { OwnKey } from '../../src/identity/own-key.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { writeBundle } from '../../src/travel/bundle/bundle-writer.ts';
import type { Manifest } from '../../src/travel/bundle/manifest.ts';
import { bundleName, bundleSecret, digestOfT } from '../../src/travel/handoff-keys.ts';
import { KnownBundles } from '../../src/travel/known-bundles.ts';
import { filesOf, manifestOf } from '../support/bundles.ts';
import { collect } from '../support/chunks.ts';
import { said, writeTranscript } from '../support/claude-folder.ts';
import { BUNDLE_SESSION, lines, turnRecord } from '../support/hostile-bundle.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testKey } from '../support/test-key.ts';

const ME = testKey(1);
const SOMEBODY = testKey(2);
const T = new Uint8Array(16).fill(5);
const NOW_SECONDS = 1_795_700_000;
const TRANSCRIPT = lines(turnRecord(0), turnRecord(1));

/** A machine with a key and a folder, and a handoff of a publisher that was found on the network. */
function setUp(publisher = ME) {
  const root = realpathSync(temporaryFolder());
  const [claudeFolder, stateFolder, folder, project] = ['.claude', 'state', 'shared', 'proj'].map((name) =>
    join(root, name),
  ) as [string, string, string, string];
  for (const path of [folder, project]) mkdirSync(path);
  const keyFile = join(root, 'secret_key');
  writeFileSync(keyFile, Buffer.from(ME.seed).toString('hex'), { mode: 0o600 });
  const own = OwnKey.read(keyFile, { kind: 'value', value: '' });
  const isOwn = publisher === ME;
  const unsigned = {
    blob: new Uint8Array(),
    burn: false,
    createdAt: BigInt(NOW_SECONDS),
    hostname: '',
    pinSalt: null,
    project: '',
    publicKey: publisher.publicKey,
    recipient: null,
    ttl: 3600n,
  };
  const places = { claudeFolder, workingDirectory: project };
  const payload = { host: 'laptop', project: '/home/alice/proj', session: BUNDLE_SESSION, t: T };
  const found = (): FoundHandoff => ({
    subject: { publicKey: publisher.publicKey, isOwn, own },
    record: signRecord(unsigned, publisher.seed),
    payload,
    local: localSession(places, BUNDLE_SESSION, payload.project),
    isProvenOwn: isOwn,
    isFromHere: false,
    isClaimed: false,
  });
  const log: string[] = [];
  const checked: string[] = [];
  const bundles = new KnownBundles(stateFolder, () => NOW_SECONDS * 1000);
  const bringing: Bringing = {
    folder,
    ssh: null,
    waitMs: 100,
    from: null,
    canAsk: false,
    bundles,
    asNew: false,
    into: null,
    variables: {},
    home: root,
    importOptions: async (trust) => ({
      places: { ...places, stateFolder, home: root, variables: {} },
      trust,
      into: project,
      maps: [],
      asNew: false,
      claude: { version: null, options: new Set() },
      host: 'desk',
      now: Date.now,
    }),
    ports: {
      waiting: (_, { kind }) => void log.push(kind),
      checking: () => ({ moved: () => {}, end: () => void checked.push(folder) }),
      sshSays: (line) => void log.push(line),
      nothingNewer: ({ kind }) => void log.push(`nothing newer, ${kind}`),
      asking: (host) => void log.push(host),
      whileWaiting: (work) => work,
      forImport: (trust) => ({
        progress: () => {},
        show: () => {},
        chooseDirectory: async () => project,
        confirm: async () => {
          log.push(`take it, ${trust}?`);
          return true;
        },
        ended: () => {},
      }),
    },
  };
  /** Puts a bundle into the folder, as the publisher does, or with another manifest or signer. */
  async function put(manifest: Partial<Manifest> = {}, signer: typeof ME | null = publisher): Promise<void> {
    const contents = { 'session.jsonl': TRANSCRIPT };
    const whole: Manifest = {
      ...manifestOf(contents, signer?.seed ?? null),
      session: BUNDLE_SESSION,
      audience: isOwn ? { mode: 'self' } : { mode: 'share', publicKey: encodePublicKey(ME.publicKey) },
      handoff: { address: encodePublicKey(publisher.publicKey), t: digestOfT(T) },
      ...manifest,
    };
    const recipient = x25519PublicOfSecret(bundleSecret(T, publisher.publicKey));
    const signing = signer && ((message: Uint8Array) => sign(signer.seed, message));
    const sealed = writeBundle(whole, signing, filesOf(contents), { kind: 'x25519', publicKey: recipient });
    writeFileSync(join(folder, bundleName(T, publisher.publicKey)), await collect(sealed));
  }
  const question: AroundQuestion = {
    burns: false,
    before: () => void log.push('before'),
    nothingNewer: () => {},
    leftMs: () => 3_600_000,
    tooLate: (meanwhile) => new Failure('expired', `Too late while ${meanwhile}.`),
    no: () => new Failure('interrupted', 'No.'),
  };
  const bring = (options: Partial<Bringing> = {}, around: Partial<AroundQuestion> = {}) =>
    bringSession(found(), { ...bringing, ...options }, { ...question, ...around });
  const isThere = () => existsSync(join(claudeFolder, 'projects'));
  return { found, bringing, bring, put, log, checked, claudeFolder, stateFolder, folder, project, isThere };
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => (error instanceof Failure ? error : null),
  );

describe('a session that is brought from the folder', () => {
  it('lies here afterwards, and what was taken is remembered until its handoff ends', async () => {
    const { put, bring, log, checked, claudeFolder, stateFolder, project, folder } = setUp();
    await put();
    const brought = await bring();
    expect(brought).toMatchObject({ isConfirmed: true, imported: { outcome: 'new', session: BUNDLE_SESSION } });
    expect(log).toEqual(['before', 'take it, own?']);
    expect(checked).toEqual([folder]);
    expect(localSession({ claudeFolder, workingDirectory: project }, BUNDLE_SESSION, project).here).toBe(true);
    const later = new KnownBundles(stateFolder, () => (NOW_SECONDS + 3600) * 1000);
    await later.sweep();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each<[string, Partial<Manifest>]>([
    ['of another session', { session: '22222222-2222-4222-8222-222222222222' }],
    ['of no handoff', { handoff: null }],
    [
      'of an earlier handoff',
      { handoff: { address: encodePublicKey(ME.publicKey), t: digestOfT(new Uint8Array(16)) } },
    ],
    ['of another address', { handoff: { address: encodePublicKey(SOMEBODY.publicKey), t: digestOfT(T) } }],
  ])('is refused if it is %s: an old copy, or a replay', async (_, manifest) => {
    const { put, bring, isThere, log } = setUp();
    await put(manifest);
    expect(await failureOf(bring())).toMatchObject({ code: 'refused', message: expect.stringContaining('a replay') });
    expect([isThere(), log]).toEqual([false, []]);
  });

  it.each([
    ['nobody', null],
    ['somebody else', SOMEBODY],
  ])('is refused if %s signed it, though the handoff is one’s own', async (_, signer) => {
    const { put, bring, isThere } = setUp();
    await put({ audience: { mode: 'pin' } }, signer);
    expect(await failureOf(bring())).toMatchObject({
      code: 'refused',
      message: expect.stringContaining('not signed by'),
    });
    expect(isThere()).toBe(false);
  });

  it.each([
    ['nobody', null],
    ['another key', testKey(3)],
  ])('of somebody else’s handoff is refused if %s signed it', async (_, signer) => {
    const { put, bring, isThere } = setUp(SOMEBODY);
    await put({}, signer);
    expect(await failureOf(bring())).toMatchObject({ code: 'refused' });
    expect(isThere()).toBe(false);
    await put();
    expect(await bring()).toMatchObject({ isConfirmed: true });
  });

  it('is not asked about, nor written, where what is here is as new', async () => {
    const { put, bring, claudeFolder, log } = setUp();
    const timestamp = '2026-11-20T21:52:34.608Z';
    writeTranscript(claudeFolder, '-home-alice-proj', BUNDLE_SESSION, [{ ...said('/home/alice/proj'), timestamp }]);
    await put({ lastChange: timestamp });
    expect(await bring()).toBeNull();
    expect(log).toEqual(['nothing newer, folder']);
  });

  it('is not waited for where what is here has gone on since', async () => {
    const { bring, claudeFolder, log } = setUp();
    const timestamp = new Date((NOW_SECONDS + 500) * 1000).toISOString();
    writeTranscript(claudeFolder, '-home-alice-proj', BUNDLE_SESSION, [{ ...said('/home/alice/proj'), timestamp }]);
    expect(await bring()).toBeNull();
    expect(log).toEqual([]);
  });

  it('is waited for where what is here seems to be older', async () => {
    const { bring, claudeFolder, log } = setUp();
    const timestamp = new Date((NOW_SECONDS - 500) * 1000).toISOString();
    writeTranscript(claudeFolder, '-home-alice-proj', BUNDLE_SESSION, [{ ...said('/home/alice/proj'), timestamp }]);
    expect(await failureOf(bring())).toMatchObject({ code: 'no-session' });
    expect(log).toEqual(['not there']);
  });

  it('is waited for where it is wanted otherwise than it is here', async () => {
    const { bring, put, claudeFolder, log, folder } = setUp();
    const timestamp = new Date((NOW_SECONDS + 500) * 1000).toISOString();
    writeTranscript(claudeFolder, '-home-alice-proj', BUNDLE_SESSION, [{ ...said('/home/alice/proj'), timestamp }]);
    expect(await failureOf(bring({ asNew: true }))).toMatchObject({ code: 'no-session' });
    expect(await failureOf(bring({ into: folder }))).toMatchObject({ code: 'no-session' });
    expect(log).toEqual(['not there', 'not there']);
    await put();
    // Something else was said in the one that is here.
    const apart = { code: 'refused', message: expect.stringContaining('went on here and there') };
    expect(await failureOf(bring({ into: folder }))).toMatchObject(apart);
  });

  it('is left alone if the yes came too late', async () => {
    const { put, bring, isThere } = setUp();
    await put();
    const times = [1000, -1000];
    const leftMs = () => times.shift() ?? 0;
    const expired = { code: 'expired', message: 'Too late while asking.' };
    expect(await failureOf(bring({}, { leftMs }))).toMatchObject(expired);
    expect(isThere()).toBe(false);
  });

  it('is not waited for when nobody can take it any more', async () => {
    const { bring, log } = setUp();
    const endMs = performance.now() + 50;
    const leftMs = () => endMs - performance.now();
    const expired = { code: 'expired', message: 'Too late while waiting.' };
    expect(await failureOf(bring({ waitMs: null }, { leftMs }))).toMatchObject(expired);
    expect(log).toEqual(['not there']);
  });
});

describe('what may be brought', () => {
  it('is what the handoff names, and was not published here', () => {
    const { found, bringing, folder, project } = setUp();
    const { t: _, ...withoutT } = found().payload;
    expect(mayBring(found(), bringing)).toBe(true);
    expect(mayBring(found(), null)).toBe(false);
    expect(mayBring(found(), { ...bringing, folder: null })).toBe(false);
    expect(mayBring({ ...found(), payload: withoutT }, bringing)).toBe(false);
    expect(mayBring({ ...found(), isClaimed: true }, bringing)).toBe(false);
    expect(mayBring({ ...found(), local: { ...found().local, here: true }, isFromHere: true }, bringing)).toBe(false);
    // Here is one of it; another one, or another place for it, is made of what was published.
    const here = { ...found(), local: { ...found().local, here: true, directory: project }, isFromHere: true };
    expect(mayBring(here, { ...bringing, asNew: true })).toBe(true);
    expect(mayBring(here, { ...bringing, into: folder })).toBe(true);
    expect(mayBring(here, { ...bringing, into: project })).toBe(false);
    // A host that is named is always asked.
    expect(mayBring({ ...found(), payload: withoutT }, { ...bringing, ssh: 'desk' })).toBe(true);
  });
});
