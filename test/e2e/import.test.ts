import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { encodePublicKey, parsePublicKey } from '../../src/identity/public-key.ts';
import {
  BUNDLE_SESSION,
  type BundleRecipe,
  lines,
  makeBundle,
  THERE,
  turnRecord,
  uuidOf,
} from '../support/hostile-bundle.ts';
import { Machine } from '../support/machine.ts';
import { testKey } from '../support/test-key.ts';

const STRANGER = testKey(7);
const FROM_STRANGER = encodePublicKey(STRANGER.publicKey);

/** A machine with a key and a `claude`, and a file on it that holds a session. */
async function desk(recipe: BundleRecipe & { readonly turns?: number; readonly isTheirs?: boolean } = {}) {
  const machine = new Machine('desk', '127.0.0.1:1');
  onTestFinished(() => machine.remove());
  const publicKey = await machine.init();
  machine.installClaude();
  const seed = Buffer.from(readFileSync(machine.keyFile, 'utf8').trim(), 'hex');
  const seal = async ({ turns = 4, isTheirs = false, ...rest }: NonNullable<Parameters<typeof desk>[0]>) => {
    const transcript = lines(...Array.from({ length: turns }, (_, number) => turnRecord(number)));
    const forMe = { audience: { mode: 'share', publicKey } };
    return makeBundle(parsePublicKey(publicKey), {
      files: { 'session.jsonl': transcript },
      signer: isTheirs ? STRANGER.seed : seed,
      ...(isTheirs && { manifest: (manifest) => ({ ...manifest, ...forMe }) }),
      ...rest,
    });
  };
  const file = join(machine.home, 'session.cclink');
  writeFileSync(file, await seal(recipe));
  const transcript = join(machine.claudeFolder, 'projects', slugOf(machine.project), `${BUNDLE_SESSION}.jsonl`);
  return {
    machine,
    file,
    publicKey,
    transcript,
    again: async (other: typeof recipe) => writeFileSync(file, await seal(other)),
  };
}

describe('cclink import', () => {
  it('asks once for the PIN of what comes through a pipe, which can be read only once', async () => {
    const { machine } = await desk();
    machine.addSession();
    const env = { CCLINK_PIN: 'correct horse 77' };
    expect((await machine.run(['export', '-o', '../sealed', '--pin', '-y'], { env })).code).toBe(0);
    const shell = 'mkfifo pipe; cat ../sealed > pipe & exec "$@" import pipe --inspect';
    const run = machine.terminal([], { shell });
    await run.answers(/PIN of the session/, 'another one 88\r');
    expect(await run.end()).toBe(4);
  });

  it('shows the session, asks once, brings it in, and becomes claude in its directory', async () => {
    const { machine, file, transcript } = await desk();
    const run = machine.terminal(['import', file, '--into', '.', '--', '--verbose']);
    await run.sees(/Last prompt +text 2/);
    await run.sees(/From +elsewhere, \/home\/mallory\/proj/);
    await run.answers(/Go on with this session here\? \(y\/N\)/, 'y\r');
    expect(await run.end()).toBe(0);
    expect(run.text).not.toMatch(/somebody else/);
    expect(readFileSync(transcript, 'utf8')).toContain(`"cwd":"${machine.project}"`);
    const { args = [], cwd } = machine.claudeStart() ?? {};
    expect(cwd).toBe(machine.project);
    expect(args.slice(0, 3)).toEqual(['--resume', BUNDLE_SESSION, '--append-system-prompt']);
    expect(args.at(-1)).toBe('--verbose');
  });

  it('changes nothing after a no', async () => {
    const { machine, file } = await desk();
    const run = machine.terminal(['import', file, '--into', '.']);
    await run.answers(/Go on with this session here\?/, '\r');
    expect(await run.end()).toBe(130);
    expect(existsSync(machine.claudeFolder)).toBe(false);
    expect(machine.claudeStart()).toBeNull();
  });

  it('reads a session from standard input while it asks on the terminal', async () => {
    const { machine, file, transcript } = await desk();
    const run = machine.terminal(['import', '-', '--into', machine.project], { shell: `cat '${file}' | "$@"` });
    await run.answers(/Go on with this session here\?/, 'yes\r');
    expect(await run.end()).toBe(0);
    expect(existsSync(transcript)).toBe(true);
    expect(machine.claudeStart()?.stdinIsTty).toBe(true);
  });

  it('prints what a script needs, and the line to type', async () => {
    const { machine, file, publicKey } = await desk();
    const args = ['import', file, '--into', machine.project, '-y'];
    const result = await machine.json(args);
    expect(result).toEqual({
      session: { id: BUNDLE_SESSION, project: THERE.directory, host: 'elsewhere', title: 'text 0' },
      publicKey,
      mode: 'self',
      from: null,
      burn: false,
      createdAt: expect.stringMatching(/^2026-/),
      expiresAt: null,
      here: true,
      directory: machine.project,
      lastChange: '2026-11-20T21:52:34Z',
      command: ['claude', '--resume', BUNDLE_SESSION, '--append-system-prompt', expect.stringContaining('elsewhere')],
      imported: { outcome: 'new', files: 1, bytes: expect.any(Number), replaced: null, left: [], masked: [] },
    });
    const again = await machine.run([...args, '--no-run']);
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(new RegExp(`^cd ${machine.project} && claude --resume ${BUNDLE_SESSION} --append-`));
    expect(again.stderr).toMatch(/on this machine already/);
    expect(machine.claudeStart()).toBeNull();
  });

  it('shows what a file is, and nothing else', async () => {
    const { machine, file, publicKey } = await desk();
    const { code, stdout } = await machine.run(['import', file, '--inspect']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Signed by +${publicKey}`));
    expect(await machine.json(['import', '-', '--inspect'], { input: readFileSync(file) })).toMatchObject({
      format: 1,
      session: BUNDLE_SESSION,
      turns: 2,
    });
    expect(existsSync(machine.claudeFolder)).toBe(false);
  });

  it('says of somebody else’s session what it is, and takes it only if a person does', async () => {
    const { machine, file, transcript } = await desk({ isTheirs: true });
    const noTerminal = await machine.run(['import', file, '-y', '--into', '.']);
    expect(noTerminal.code).toBe(2);
    expect(noTerminal.stderr).toMatch(/instructions to your Claude/);
    expect(noTerminal.stderr).toMatch(/--from <key>/);
    const noDirectory = await machine.run(['import', file, '-y', '--from', FROM_STRANGER]);
    expect([noDirectory.code, noDirectory.stderr]).toEqual([2, expect.stringContaining('--into')]);
    const another = await machine.run([
      'import',
      file,
      '-y',
      '--into',
      '.',
      '--from',
      encodePublicKey(testKey(8).publicKey),
    ]);
    expect([another.code, another.stderr]).toEqual([5, expect.stringContaining('is not from')]);
    expect(existsSync(machine.claudeFolder)).toBe(false);

    const run = machine.terminal(['import', file, '-y']);
    await run.answers(/Which directory is it to live in\?/, '\r');
    await run.sees(/instructions to your Claude/);
    await run.answers(/Go on with this session here\?/, 'y\r');
    expect(await run.end()).toBe(0);
    expect(existsSync(transcript)).toBe(true);
    const { args = [] } = machine.claudeStart() ?? {};
    expect(args).toContain('--permission-mode');
    expect(args.join(' ')).not.toMatch(/mallory|elsewhere/);
    expect(run.text).not.toMatch(/you have this session already/);
    const named = await machine.json(['import', file, '-y', '--from', FROM_STRANGER, '--into', '.']);
    expect(named).toMatchObject({ from: FROM_STRANGER, publicKey: FROM_STRANGER, mode: 'share' });
    const again = await machine.run(['import', file, '-y', '--from', FROM_STRANGER, '--into', '.', '--no-run']);
    expect(again.stderr).toMatch(/takes the place of yours/);
  });

  it('says what of it is not set up here, and gives an option only to a claude that knows it', async () => {
    const facts = { mcpServers: ['github', 'jira'], claudeVersion: '2.1.332' };
    const theirs = await desk({ isTheirs: true });
    const audience = { mode: 'share', publicKey: theirs.publicKey };
    await theirs.again({ isTheirs: true, manifest: (manifest) => ({ ...manifest, audience, ...facts }) });
    const { machine, file } = theirs;
    writeFileSync(join(machine.home, '.claude.json'), '{"mcpServers":{"jira":{"env":{"TOKEN":"s3cret"}}}}');
    const args = ['import', file, '-y', '--from', FROM_STRANGER, '--into', '.', '--no-run'];
    const safe = '--permission-mode default';
    const snapshotOff = '--system-prompt-snapshot off';
    machine.installClaude({ version: '2.1.119', options: ['--permission-mode', '--resume'] });
    const older = await machine.run(args);
    expect(older.stderr).toMatch(/Not set up here +MCP server github\n/);
    expect(older.stderr).toMatch(/Claude Code here +2\.1\.119, older than there/);
    expect(older.stderr).not.toContain('s3cret');
    expect([older.code, older.stdout]).toEqual([0, expect.stringContaining(safe)]);
    expect(older.stdout).not.toContain(snapshotOff);
    machine.installClaude({ version: '2.1.332', options: ['--system-prompt-snapshot', '--permission-mode'] });
    const newer = await machine.run(args);
    expect([newer.code, newer.stdout]).toEqual([0, expect.stringContaining(`${safe} ${snapshotOff}`)]);
    expect(newer.stderr).not.toContain('older than there');
  });

  it('goes on with the newer one, updates the older, and refuses what has gone apart', async () => {
    const { machine, file, again } = await desk();
    const take = ['import', file, '--into', '.', '-y'];
    await machine.json(take);
    await again({ turns: 6 });
    expect(await machine.json(take)).toMatchObject({ imported: { outcome: 'updated', replaced: expect.any(String) } });
    await again({ turns: 2 });
    expect(await machine.json(take)).toMatchObject({
      imported: { outcome: 'unchanged' },
      command: ['claude', '--resume', BUNDLE_SESSION],
    });
    const fork = turnRecord(2, 'fork').replace(uuidOf(2), uuidOf(900));
    await again({ files: { 'session.jsonl': lines(turnRecord(0), turnRecord(1), fork) } });
    const apart = await machine.run(take);
    expect(apart.code).toBe(5);
    expect(apart.stderr).toMatch(/Here: "text 4"[\s\S]*On elsewhere: "fork"[\s\S]*--as-new/);
    const second = await machine.json<{ session: { id: string } }>([...take, '--as-new']);
    expect(second.session.id).not.toBe(BUNDLE_SESSION);
  });

  it('asks where it is not certain, and without a terminal names the option', async () => {
    const { machine, file } = await desk();
    const { code, stderr } = await machine.run(['import', file, '-y']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`--into <dir>. Likely ones:\n  ${machine.project}`)]);
    const another = machine.terminal(['import', file]);
    await another.sees(/Last prompt +text 2[\s\S]*Which directory is it to live in\?.*\n> .*\(the current directory\)/);
    another.type('j\r');
    expect(await another.end()).toBe(130);
    expect(another.text).toMatch(/try again: --into <dir>/);
    const mapped = await machine.run(['import', file, '-y', '--into', '.', '--map', 'data=/srv/data']);
    expect([mapped.code, mapped.stderr]).toEqual([2, expect.stringContaining('two whole paths')]);
  });

  it.runIf(process.platform === 'linux')('says that it can not make a directory', async () => {
    const { machine, file } = await desk();
    const child = machine.start(['import', file, '-y', '--no-run', '--into', '/proc/none/proj']);
    onTestFinished(() => void child.kill('SIGKILL'));
    const [code] = await once(child, 'exit');
    expect([code, existsSync(machine.claudeFolder)]).toEqual([5, false]);
  });

  it('rewrites further paths', async () => {
    const text = 'see /opt/data/a=b/x and /srv/old';
    const { machine, file, transcript } = await desk({
      files: { 'session.jsonl': lines(turnRecord(0, text), turnRecord(1)) },
    });
    const maps = ['--map', '/opt/data/a=b=/data', '--map', '/srv/old=/srv/new'];
    await machine.json(['import', file, '-y', '--into', '.', ...maps]);
    expect(readFileSync(transcript, 'utf8')).toContain('see /data/x and /srv/new');
  });

  it('says what it can’t open', async () => {
    const { machine, file } = await desk();
    const code = async (...args: Parameters<Machine['run']>) => (await machine.run(...args)).code;
    expect(await code(['import', join(machine.home, 'none')])).toBe(5);
    expect(await code(['import', machine.home])).toBe(2);
    const newer = await desk({ manifest: (manifest) => ({ ...manifest, format: 2 }) });
    const refused = await newer.machine.run(['import', newer.file, '--inspect']);
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringMatching(/of format 2[\s\S]*npm install -g cclink/),
    ]);
    expect(await code(['import', '-'], { input: 'hello' })).toBe(5);
    expect(await code(['import', file], { env: { CLAUDECODE: '1' } })).toBe(5);
    writeFileSync(machine.keyFile, `${Buffer.alloc(32, 9).toString('hex')}\n`);
    expect(await code(['import', file, '-y'])).toBe(4);
    expect(await code(['import', file, '-y'], { env: { CCLINK_KEY_FILE: join(machine.home, 'none') } })).toBe(9);
  });

  it('leaves nothing behind when it is interrupted, and keeps the session that is here', async () => {
    const noise = randomBytes(3_000_000).toString('base64');
    const { machine, file, transcript, again } = await desk();
    await machine.json(['import', file, '--into', '.', '-y']);
    const before = readFileSync(transcript);
    await again({ files: { 'session.jsonl': lines(...[0, 1, 2, 3].map((n) => turnRecord(n)), turnRecord(4, noise)) } });
    const sealed = readFileSync(file);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const child = machine.start(['import', '-', '--into', '.', '-y']);
      child.stdin.write(sealed.subarray(0, sealed.length - 1000));
      const isStaging = () => readdirSync(machine.claudeFolder).some((name) => name.startsWith('.cclink-incoming-'));
      while (!isStaging()) await sleep(5);
      child.kill(signal);
      await once(child, 'exit');
      expect(readdirSync(machine.claudeFolder), signal).toEqual(['projects']);
      expect(readFileSync(transcript).equals(before)).toBe(true);
    }
  });

  it('forgets what was replaced once the session was gone on with', async () => {
    const { machine, file, transcript, again } = await desk();
    const take = ['import', file, '--into', '.', '-y'];
    await machine.json(take);
    await again({ turns: 6 });
    const { imported } = await machine.json<{ imported: { replaced: string } }>(take);
    expect(existsSync(imported.replaced)).toBe(true);
    appendFileSync(transcript, lines(turnRecord(6)));
    await machine.run(['pickup', '-y', '--timeout', '1s']);
    expect(existsSync(imported.replaced)).toBe(false);
  });
});
