import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { Machine, SESSION } from '../support/machine.ts';
import { desk, laptop, network, shareKeyAndSession, useTwoMachines } from '../support/two-machines.ts';

useTwoMachines(16);

/** A stand-in for `claude` that writes down what it can read of cclink, if that runs above it. */
const memorySearch = (file: string) => `#!${process.execPath}
const fs = require('node:fs');
const needle = Buffer.from(process.env.NEEDLE, 'hex');
const parent = '/proc/' + process.ppid;
const isBelow = fs.readFileSync(parent + '/cmdline', 'latin1').split('\\0').includes('pickup');
let found = null;
if (isBelow) try {
  const memory = fs.openSync(parent + '/mem', 'r');
  for (const line of fs.readFileSync(parent + '/maps', 'latin1').split('\\n')) {
    const [start, end] = (/^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []).slice(1).map((hex) => parseInt(hex, 16));
    if (start === undefined) continue;
    const bytes = Buffer.alloc(end - start);
    try { fs.readSync(memory, bytes, 0, bytes.length, start); } catch { continue; }
    found ??= 0;
    for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + 1)) found++;
  }
} catch {}
const environ = fs.readFileSync((isBelow ? parent : '/proc/self') + '/environ', 'utf8');
fs.writeFileSync(${JSON.stringify(file)}, JSON.stringify({ environ, found }));
`;

describe('a handoff to oneself', () => {
  it('tells that the files stay here, and what of git, which it does not touch', async () => {
    await shareKeyAndSession();
    expect((await laptop.run(['publish'])).stderr).toMatch(/^Stays here: its files \(\d+ kB\)\.$/m);
    const git = (...args: string[]) => execFileSync('git', ['-C', laptop.project, ...args], { encoding: 'utf8' });
    git('init', '--quiet', '--initial-branch=main');
    git('remote', 'add', 'origin', 'https://example.com/app.git');
    git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '--allow-empty', '-m', 'first');
    writeFileSync(join(laptop.project, 'new'), '');
    const before = git('status', '--porcelain=v2', '--branch');
    const { stderr, stdout } = await laptop.run(['publish']);
    expect(stderr).toMatch(
      /^Stays here: its files \(\d+ kB\); of its git repository, 1 changed file and 1 commit not pushed\.$/m,
    );
    expect(stdout).toBe('cclink pickup\n');
    expect((await laptop.run(['publish', '--dry-run'])).stdout).toMatch(/Stays here +its files \(\d+ kB\); of its git/);
    expect(git('status', '--porcelain=v2', '--branch')).toBe(before);
    expect((await laptop.run(['publish', '--quiet'])).stderr).toBe('');
    const along = (await laptop.run(['publish', '--folder', laptop.home, '--ttl', '30m'])).stderr;
    expect(along).toMatch(/^Stays here: of its git repository, 1 changed file and 1 commit not pushed\.$/m);
    expect(along).not.toContain('forget');
  });

  it('tells what the network does below a question, not where its answer is typed', async () => {
    await laptop.init('correct horse battery');
    laptop.addSession();
    const run = laptop.terminal(['-v', '--ttl', '30m']);
    await run.sees(/Passphrase of your key/);
    await sleep(1000); // by then the nodes have been asked
    run.type('correct horse battery\r');
    expect(await run.end()).toBe(0);
    expect(run.text).toMatch(/^\? Passphrase of your key \(not shown\) ?\nasked \d+ nodes/im);
  });

  it('goes from cclink to cclink pickup and becomes claude --resume in the directory of the session', async () => {
    const publicKey = await shareKeyAndSession();
    const published = await laptop.json(['publish']);
    expect(published).toMatchObject({
      session: { id: SESSION, project: laptop.project, title: 'remember the word ZEBRA' },
      publicKey,
      mode: 'self',
      recipient: null,
      burn: false,
      pickup: 'cclink pickup',
    });
    expect(published['nodes']).toBeGreaterThanOrEqual(8);
    expect(published['seq']).toMatch(/^[0-9]{16}$/);

    desk.env['CCLINK_PIN'] = 'a secret of the environment';
    // As in a terminal that was opened from inside a session, after `unset CLAUDECODE`.
    desk.env['CLAUDE_CODE_CHILD_SESSION'] = '1';
    const picked = await desk.run(['pickup', '--yes'], { cwd: desk.home });
    expect(picked.stderr).toContain(SESSION);
    expect(picked.code).toBe(0);
    const claude = desk.claudeStart();
    expect(claude?.args).toEqual(['--resume', SESSION]);
    expect(claude?.cwd).toBe(laptop.project);
    for (const name of ['CCLINK_PIN', 'CLAUDE_CODE_CHILD_SESSION']) expect(claude?.env).not.toHaveProperty(name);
    expect(claude?.env['HOME']).toBe(desk.home);
  });

  it.runIf(process.platform === 'linux')(
    'shows claude no secret, in no environment and not in our memory',
    async () => {
      const secret = 'xylophone quartz harbour';
      await laptop.init(secret);
      desk.takeKeyOf(laptop);
      laptop.addSession();
      desk.takeSessionsOf(laptop);
      await laptop.json(['publish'], { env: { CCLINK_PASSPHRASE: secret } });
      const seen = join(desk.home, 'seen');
      writeFileSync(join(desk.home, 'bin', 'claude'), memorySearch(seen), { mode: 0o755 });
      const env = { CCLINK_PASSPHRASE: secret, NEEDLE: Buffer.from(secret).toString('hex') };
      expect((await desk.run(['pickup', '-y'], { env })).code).toBe(0);
      const { environ, found } = JSON.parse(readFileSync(seen, 'utf8'));
      expect(environ).toContain('NEEDLE=');
      expect(environ).not.toContain(secret);
      // Null where the system lets no program read the memory of its parent, or it has no such parent.
      expect(found ?? 0).toBe(0);
    },
  );

  it('passes on what follows -- and gives back the exit code of claude', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', SESSION]);
    desk.installClaude({ exitCode: 7 });
    const { code } = await desk.run(['pickup', '-y', '--', '--model', 'opus']);
    expect(code).toBe(7);
    expect(desk.claudeStart()?.args).toEqual(['--resume', SESSION, '--model', 'opus']);
  });

  it('is shown and listed without being taken', async () => {
    const publicKey = await shareKeyAndSession();
    await laptop.json(['publish', '--burn', '--ttl', '30m']);
    for (let times = 0; times < 2; times++) {
      expect(await desk.json(['show'])).toMatchObject({
        session: { id: SESSION },
        mode: 'self',
        burn: true,
        here: true,
        directory: laptop.project,
        command: ['claude', '--resume', SESSION],
        from: null,
      });
    }
    const listed = await desk.json<Record<string, unknown>[]>(['list']);
    expect(listed).toMatchObject([{ publicKey, mode: 'self', recipient: null, burn: true, session: { id: SESSION } }]);
    expect(desk.claudeStart()).toBeNull();
  });

  it('burns once it is taken, and not before', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--burn']);
    const picked = await desk.run(['pickup', '--yes', '--no-run']);
    expect(picked.code).toBe(0);
    expect(picked.stdout).toBe(`cd ${laptop.project} && claude --resume ${SESSION}\n`);
    expect(picked.stderr).not.toContain(SESSION);
    const again = await laptop.run(['pickup', '--yes', '--no-run', '--json']);
    expect(again.code).toBe(3);
    expect(again.stdout).toBe('');
    expect(JSON.parse(again.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({ error: { code: 'not-found' } });
    expect(await laptop.json(['list'])).toEqual([]);
  });

  it('burns nothing where the files of the session or claude are missing, or nobody said yes', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--burn']);
    const bare = new Machine('bare', network.bootstrap);
    bare.takeKeyOf(laptop);
    const missing = await bare.run(['pickup', '--yes']);
    expect([missing.code, missing.stdout]).toEqual([7, '']);
    expect(missing.stderr).toMatch(/not on this machine/);
    expect(await bare.json(['pickup', '--yes'])).toMatchObject({ here: false, directory: null });
    bare.remove();

    const unsaid = await desk.run(['pickup']);
    expect([unsaid.code, unsaid.stdout]).toEqual([2, '']);
    expect(unsaid.stderr).toMatch(/-y|ssh -t/);

    const noClaude = new Machine('no-claude', network.bootstrap, laptop.project);
    noClaude.takeKeyOf(laptop);
    noClaude.takeSessionsOf(laptop);
    const { code, stderr } = await noClaude.run(['pickup', '--yes', '--json', '-v'].slice(0, 2));
    expect([code, /claude/i.test(stderr)]).toEqual([7, true]);
    noClaude.remove();
    expect(await laptop.json(['list'])).toHaveLength(1);
  });

  it('goes on in a claude that its own installer put where PATH does not lead to', async () => {
    await shareKeyAndSession();
    rmSync(join(desk.home, 'bin', 'claude'));
    desk.installClaude({ exitCode: 7, folder: '.local/bin' });
    await laptop.json(['publish']);
    expect((await desk.run(['pickup', '--yes', '--no-run'])).stdout).toContain(
      `${desk.home}/.local/bin/claude --resume`,
    );
    const { stdout } = await desk.run(['pickup', '--yes', '--no-run']);
    expect(spawnSync('sh', ['-c', stdout], { env: { PATH: '/usr/bin:/bin' } }).status).toBe(7);
    expect(desk.claudeStart()).toMatchObject({ args: ['--resume', SESSION], cwd: laptop.project });
  });

  it('goes to one of two machines that pick a burn handoff up at the same moment, at the most', async () => {
    await shareKeyAndSession();
    laptop.installClaude();
    await laptop.json(['publish', '--burn']);
    const both = await Promise.all([laptop, desk].map((machine) => machine.run(['pickup', '-y', '--no-run'])));
    expect(both.filter(({ stdout }) => stdout.includes(SESSION)).length).toBeLessThanOrEqual(1);
    for (const { code, stdout } of both) expect(stdout === '' ? [3, 5] : [0]).toContain(code);
    expect(await laptop.json(['list'])).toEqual([]);
  });

  it('burns also where no public key stands beside the encrypted one yet', async () => {
    const publicKey = await laptop.init('a good passphrase');
    laptop.addSession();
    const env = { CCLINK_PASSPHRASE: 'a good passphrase' };
    await laptop.json(['publish', '--burn'], { env });
    desk.takeSessionsOf(laptop);
    await desk.json(['init', '--import', laptop.keyFile]);
    expect((await desk.run(['pickup', '-y', '--no-run', publicKey], { env })).code).toBe(0);
    expect(await laptop.json(['list'], { env })).toEqual([]);
  });

  it('opens a key that was just imported once, and so runs the passphrase command once', async () => {
    await laptop.init('a good passphrase');
    laptop.addSession();
    await laptop.json(['publish', '--burn'], { env: { CCLINK_PASSPHRASE: 'a good passphrase' } });
    desk.takeSessionsOf(laptop);
    await desk.json(['init', '--import', laptop.keyFile]);
    const calls = join(desk.home, 'calls');
    const env = { CCLINK_PASSPHRASE_COMMAND: `echo called >> '${calls}'; echo 'a good passphrase'` };
    expect((await desk.run(['pickup', '-y', '--no-run'], { env })).code).toBe(0);
    expect(readFileSync(calls, 'utf8')).toBe('called\n');
  });

  it('is published under the key that was opened, whatever public key stands beside it', async () => {
    const right = await laptop.init('a good passphrase');
    const other = await desk.init();
    laptop.addSession();
    writeFileSync(`${laptop.keyFile}.pub`, `${other}\n`);
    const env = { CCLINK_PASSPHRASE: 'a good passphrase' };
    expect(await laptop.json(['publish'], { env })).toMatchObject({ publicKey: right });
    expect(await laptop.json(['whoami'])).toMatchObject({ publicKey: right });
    expect(await laptop.json(['list'])).toHaveLength(1);
  });

  it('says that it expired, and whose session it was', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--ttl', '1s']);
    await new Promise((resolve) => setTimeout(resolve, 1600));
    const { code, stderr } = await desk.run(['pickup', '-y', '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'expired', message: expect.stringContaining(SESSION) } });
    expect(await desk.json(['list'])).toEqual([]);
  });

  it('is revoked with the same words that Rust takes, and the second time there is nothing', async () => {
    const publicKey = await shareKeyAndSession();
    for (const words of [
      ['revoke'],
      ['revoke', '--all'],
      ['revoke', publicKey],
      ['revoke', SESSION],
      ['revoke', SESSION.slice(0, 8)],
    ]) {
      await laptop.json(['publish']);
      expect(await laptop.json([...words, '-y'])).toMatchObject({ publicKey, revoked: true });
      expect(await laptop.json([...words, '-y'])).toEqual({ publicKey, revoked: false, nodes: 0, older: 0 });
    }
    const { code, stderr } = await laptop.run(['pickup', '-y', '--json']);
    expect([code, JSON.parse(stderr).error.code]).toEqual([3, 'revoked']);
  });

  it('that is sealed for others is not revoked by the id of a session, as nobody can tell whose it is', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--share', 'df9sse9bp1nuftim3yhxiuk6w6r5hddsskjygpydux7esxjstioo']);
    expect((await laptop.run(['revoke', '-y', SESSION])).code).toBe(2);
    expect(await laptop.json(['list'])).toHaveLength(1);
  });

  it('is told that the current directory is gone, where it needs one', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish']);
    const gone = join(laptop.home, 'gone');
    mkdirSync(gone);
    const inGone = (args: string[]) => laptop.terminal(args, { cwd: gone, shell: `rm -r '${gone}'; "$@"` }).end();
    expect(await inGone(['publish'])).toBe(7);
    mkdirSync(gone);
    expect(await inGone(['show'])).toBe(0);
    rmSync(gone, { recursive: true, force: true });
  });

  it('of another session is left alone by revoke with an id', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish']);
    expect(await laptop.json(['revoke', '-y', '22222222'])).toMatchObject({ revoked: false });
    expect(await laptop.json(['list'])).toHaveLength(1);
  });

  it('needs no passphrase to look, and one to take', async () => {
    await laptop.init('a good passphrase');
    desk.takeKeyOf(laptop);
    laptop.addSession();
    desk.takeSessionsOf(laptop);
    const passphrase = { env: { CCLINK_PASSPHRASE: 'a good passphrase' } };
    await laptop.json(['publish'], passphrase);
    expect(await desk.json(['whoami'])).toMatchObject({ encrypted: true });
    expect(await desk.json(['list'])).toMatchObject([{ mode: 'self', session: null }]);
    expect(await desk.json(['list'], passphrase)).toMatchObject([{ session: { id: SESSION } }]);
    const locked = await desk.run(['show']);
    expect([locked.code, locked.stdout]).toEqual([2, '']);
    const wrong = await desk.run(['show'], { env: { CCLINK_PASSPHRASE: 'another passphrase' } });
    expect(wrong.code).toBe(4);
    const command = { env: { CCLINK_PASSPHRASE_COMMAND: 'printf "a good passphrase\\nsecond line"' } };
    expect(await desk.json(['pickup', '-y'], command)).toMatchObject({ here: true, session: { id: SESSION } });
  });
});

describe('a handoff to others', () => {
  it('is opened by the one it was shared with, and by nobody else, its publisher included', async () => {
    const mine = await shareKeyAndSession();
    const bob = new Machine('bob', network.bootstrap);
    const bobs = await bob.init();
    expect(await laptop.json(['publish', '--share', `pk:${bobs}`])).toMatchObject({
      mode: 'share',
      recipient: bobs,
      pickup: `cclink pickup ${mine}`,
    });
    expect(await bob.json(['show', mine])).toMatchObject({
      mode: 'share',
      publicKey: mine,
      session: { id: SESSION },
      here: false,
    });
    const own = await laptop.run(['show']);
    expect(own.code).toBe(4);
    const eve = new Machine('eve', network.bootstrap);
    expect((await eve.run(['show', mine])).code).toBe(9);
    await eve.init();
    expect((await eve.run(['show', mine])).code).toBe(4);
    expect(await laptop.json(['list'])).toMatchObject([{ mode: 'share', recipient: bobs, session: null }]);
    bob.remove();
    eve.remove();
  });

  it('with a PIN needs no key pair to be taken', async () => {
    const mine = await shareKeyAndSession();
    const pin = { env: { CCLINK_PIN: 'correct horse battery' } };
    expect(await laptop.json(['publish', '--pin'], pin)).toMatchObject({
      mode: 'pin',
      pickup: `cclink pickup ${mine}`,
    });
    const bob = new Machine('bob', network.bootstrap);
    expect(await bob.json(['show', mine], pin)).toMatchObject({ mode: 'pin', session: { id: SESSION } });
    const wrong = await bob.run(['show', mine], { env: { CCLINK_PIN: 'wrong horse battery' } });
    expect(wrong.code).toBe(4);
    const weak = await laptop.run(['publish', '--pin'], { env: { CCLINK_PIN: '12345678' } });
    expect(weak.code).toBe(2);
    expect(weak.stderr).not.toContain('12345678');
    bob.remove();
  });

  it('is not replaced without a yes', async () => {
    await shareKeyAndSession();
    const bobs = 'df9sse9bp1nuftim3yhxiuk6w6r5hddsskjygpydux7esxjstioo';
    await laptop.json(['publish', '--share', bobs]);
    await laptop.json(['publish', '--share', bobs]);
    const silent = await laptop.run(['publish']);
    expect([silent.code, silent.stdout]).toEqual([2, '']);
    expect(await laptop.json(['list'])).toMatchObject([{ mode: 'share' }]);
    await laptop.json(['publish', '--yes']);
    expect(await laptop.json(['list'])).toMatchObject([{ mode: 'self' }]);
  });

  it('is refused in the combinations that Rust refuses', async () => {
    await shareKeyAndSession();
    for (const other of ['--pin', '--burn']) {
      const { code, stdout } = await laptop.run([
        'publish',
        '--share',
        'df9sse9bp1nuftim3yhxiuk6w6r5hddsskjygpydux7esxjstioo',
        other,
      ]);
      expect([code, stdout]).toEqual([2, '']);
    }
  });
});

describe('nothing to hand over', () => {
  it('is told with exit 3 and the likely causes, with the key that was looked under', async () => {
    const publicKey = await laptop.init();
    const { code, stdout, stderr } = await laptop.run(['pickup', '-y']);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(publicKey);
    expect(stderr.indexOf('another key')).toBeLessThan(stderr.indexOf('expired'));
  });

  it('is told with exit 9 where there is no key', async () => {
    for (const command of ['publish', 'pickup', 'show', 'list', 'revoke', 'whoami']) {
      const { code, stdout, stderr } = await laptop.run([command]);
      expect([command, code, stdout]).toEqual([command, 9, '']);
      expect(stderr).toContain('cclink init');
    }
  });

  it('is told with exit 7 where there is no session, and shows those elsewhere', async () => {
    await laptop.init();
    const none = await laptop.run([]);
    expect([none.code, none.stdout]).toEqual([7, '']);
    laptop.addSession('/somewhere/else');
    const elsewhere = await laptop.run([]);
    expect(elsewhere.code).toBe(7);
    expect(elsewhere.stderr).toContain(`cclink ${SESSION}`);
    const unknown = await laptop.run(['33333333-3333-4333-8333-333333333333']);
    expect(unknown.code).toBe(7);
    expect((await laptop.run(['33333333-3333-4333-8333-333333333333', '--force'])).code).toBe(0);
  });

  it('is sent on a dry run', async () => {
    await shareKeyAndSession();
    const dry = await laptop.json(['publish', '--dry-run', '--burn']);
    expect(dry).toMatchObject({ dryRun: true, session: { id: SESSION }, burn: true });
    const weak = encodePublicKey(Uint8Array.of(1, ...new Uint8Array(31)));
    const refused = await laptop.run(['publish', '--dry-run', '--share', weak]);
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    const pin = await laptop.run(['publish', '--dry-run', '--pin'], { env: { CCLINK_PIN: '12345678' } });
    expect([pin.code, pin.stdout, pin.stderr]).toEqual([2, '', expect.stringContaining('too weak')]);
    expect(await laptop.json(['publish', '--dry-run', '--pin'])).toMatchObject({ mode: 'pin' });
    expect(await laptop.json(['list'])).toEqual([]);
  });
});

describe('a clock that is six minutes behind', () => {
  it('takes no handoff from somebody else without a question, from an agent never', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--share', 'df9sse9bp1nuftim3yhxiuk6w6r5hddsskjygpydux7esxjstioo']);
    const behind = 'const now = Date.now; Date.now = () => now() - 360_000;';
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(behind)}`;
    const [person, agent] = [
      await laptop.run(['publish'], { env: { NODE_OPTIONS } }),
      await laptop.run(['publish'], { env: { NODE_OPTIONS, CLAUDECODE: '1' } }),
    ];
    expect([person.code, person.stderr]).toEqual([2, expect.stringContaining('would be replaced. Replace it?')]);
    expect(agent.code).toBe(5);
    expect(await laptop.json(['list'])).toMatchObject([{ mode: 'share' }]);
  });
});

describe('where there is no network', () => {
  it('says which of the three it was, with exit 6 and in time', async () => {
    await laptop.init();
    const ended = async (bootstrap: string) => {
      const started = Date.now();
      const ran = await laptop.run(['list', '--timeout', '6s'], { env: { CCLINK_BOOTSTRAP: bootstrap } });
      return { ...ran, seconds: (Date.now() - started) / 1000 };
    };
    const silent = await ended('127.0.0.1:9');
    expect([silent.code, silent.stdout]).toEqual([6, '']);
    expect(silent.stderr).toMatch(/UDP/);
    expect(silent.seconds).toBeLessThan(6);
    const nameless = await ended('does-not-exist.invalid:6881');
    expect(nameless.code).toBe(6);
    expect(nameless.stderr).toMatch(/does-not-exist\.invalid/);
    expect(nameless.seconds).toBeLessThan(7);
    expect((await ended('nonsense')).code).toBe(2);
  });
});
