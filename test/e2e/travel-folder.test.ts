import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  desk,
  goOn,
  laptop,
  network,
  shared,
  textOn,
  transcriptOn,
  useDistantMachines,
} from '../support/distant-machines.ts';
import { Machine, SESSION } from '../support/machine.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

useDistantMachines(12);

const CTRL_C = '\u0003';
const BUNDLE_NAME = /^[a-z2-7]{26}\.cclink$/;

const bundles = () => readdirSync(shared).filter((name) => BUNDLE_NAME.test(name));
/** Takes the sealed session out of the folder, as if it had not arrived yet. Returns what puts it back. */
function notYetThere(): () => void {
  const [name = ''] = bundles();
  const content = readFileSync(join(shared, name));
  rmSync(join(shared, name));
  return () => writeFileSync(join(shared, name), content);
}

/** How many prompts and answers the session of a machine holds. */
const textLengthOf = (machine: Machine) =>
  textOn(machine)
    .split('\n')
    .filter((line) => /"type":"(?:user|assistant)"/.test(line)).length;

const errorIn = (stderr: string) => JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error as { code: string };

describe('through a folder', () => {
  it('goes a session whose files were never on the other machine', async () => {
    goOn(laptop, 'look at /data/a');
    const published = await laptop.run(['--folder', shared]);
    expect(published.stderr).toMatch(/Its files are in .*: [\d.]+ kB, sealed/);
    expect([published.stderr, published.stdout]).toEqual([
      expect.stringMatching(/There, with the folder as it is called there, type:\n$/),
      'cclink pickup --folder ~/shared\n',
    ]);
    expect(readdirSync(shared)).toEqual([expect.stringMatching(BUNDLE_NAME)]);
    const args = ['pickup', '-y', '--folder', shared, '--into', desk.project, '--map', '/data=/srv/data'];
    const picked = await desk.run(args);
    expect(picked.stderr).toContain('Its files are not here');
    expect(picked.code).toBe(0);
    expect(textOn(desk)).toContain('look at /srv/data/a');
    expect(textOn(desk)).toContain('ZEBRA');
    expect(textOn(desk)).not.toContain(laptop.home);
    const claude = desk.claudeStart();
    expect(claude?.args.slice(0, 3)).toEqual(['--resume', SESSION, '--append-system-prompt']);
    expect(claude?.cwd).toBe(desk.project);
  });

  it('is told of with the folder below each one’s home, and without it where it need not be typed', async () => {
    mkdirSync(join(laptop.home, 'My Sync'));
    expect(await laptop.json(['publish', '--folder', join(laptop.home, 'My Sync')])).toMatchObject({
      pickup: "cclink pickup --folder ~/'My Sync'",
    });
    laptop.env['CCLINK_FOLDER'] = shared;
    expect(await laptop.json(['publish'])).toMatchObject({ pickup: 'cclink pickup' });
    expect(await laptop.json(['publish', '--folder', ''])).toMatchObject({ pickup: 'cclink pickup' });
  });

  it('goes there and back by CCLINK_FOLDER, and what was said on either side comes along', async () => {
    for (const machine of [laptop, desk]) machine.env['CCLINK_FOLDER'] = shared;
    laptop.installClaude();
    await laptop.json(['publish']);
    const there = await desk.json(['pickup', '-y', '--into', desk.project]);
    expect(there).toMatchObject({ here: true, directory: desk.project, imported: { outcome: 'new' } });
    goOn(desk, 'said at the desk');
    await desk.json(['publish']);
    expect(bundles()).toHaveLength(1);
    const back = await laptop.json(['pickup', '-y']);
    expect(back).toMatchObject({ here: true, directory: laptop.project, imported: { outcome: 'updated' } });
    expect(textOn(laptop)).toContain('said at the desk');
    expect(textOn(laptop)).not.toContain(desk.home);
    goOn(laptop, 'said on the laptop');
    await laptop.json(['publish']);
    await desk.json(['pickup', '-y']);
    expect(textOn(desk)).toContain('said on the laptop');
    // Nothing has been said since: what is here is used as it is.
    expect(await desk.json(['pickup', '-y'])).not.toHaveProperty('imported');
  });

  it('is refused where it went on on both sides, unless it is taken as a second session', async () => {
    for (const machine of [laptop, desk]) machine.env['CCLINK_FOLDER'] = shared;
    await laptop.json(['publish']);
    await desk.json(['pickup', '-y', '--into', desk.project]);
    goOn(desk, 'said at the desk');
    await sleep(10);
    goOn(laptop, 'said on the laptop');
    await laptop.json(['publish']);
    const apart = await desk.run(['pickup', '-y', '--no-run']);
    expect(apart.code).toBe(5);
    expect(apart.stderr).toMatch(/--as-new/);
    const second = await desk.json<{ session: { id: string } }>(['pickup', '-y', '--as-new']);
    expect(second.session.id).not.toBe(SESSION);
    expect(readFileSync(transcriptOn(desk).replace(SESSION, second.session.id), 'utf8')).toContain(
      'said on the laptop',
    );
    expect(textOn(desk)).not.toContain('said on the laptop');
  });

  it('is refused where it went on on both sides also if what was said here is the later', async () => {
    for (const machine of [laptop, desk]) machine.env['CCLINK_FOLDER'] = shared;
    await laptop.json(['publish']);
    await desk.json(['pickup', '-y', '--into', desk.project]);
    goOn(laptop, 'said on the laptop');
    await laptop.json(['publish']);
    await sleep(10);
    goOn(desk, 'said at the desk');
    const apart = await desk.run(['pickup', '-y', '--no-run']);
    expect([apart.code, apart.stdout]).toEqual([5, '']);
    expect(apart.stderr).toMatch(/Its files are here too[\s\S]*Here: "said at the desk"[\s\S]*"said on the laptop"/);
  });

  it('comes as a second one, or to another directory, where it is wanted so', async () => {
    for (const machine of [laptop, desk]) machine.env['CCLINK_FOLDER'] = shared;
    const elsewhere = join(desk.home, 'elsewhere');
    await laptop.json(['publish']);
    const here = await laptop.json<{ session: { id: string } }>(['pickup', '-y', '--as-new']);
    expect(here.session.id).not.toBe(SESSION);
    await desk.json(['pickup', '-y', '--into', desk.project]);
    const moved = await desk.run(['pickup', '-y', '--no-run', '--into', elsewhere]);
    expect(moved.stderr).toContain('Its files are here too');
    expect([moved.code, moved.stdout]).toEqual([0, expect.stringContaining(`cd ${elsewhere} && claude`)]);
    expect([existsSync(transcriptOn(desk)), existsSync(transcriptOn(desk, elsewhere))]).toEqual([false, true]);
    await laptop.json(['publish', SESSION, '--folder', '']);
    const nothing = await desk.run(['pickup', '-y', '--no-run', '--into', desk.project]);
    expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('nothing comes with this handoff')]);
  });

  it('is waited for, and it is said what for; Ctrl-C leaves everything as it was', async () => {
    await laptop.json(['publish', '--burn', '--folder', shared]);
    const arrive = notYetThere();
    const impatient = desk.terminal(['pickup', '--folder', shared, '--into', desk.project]);
    await impatient.answers(/are\s+not\s+in\s+\S+shared\s+yet\.\s+Waiting/, CTRL_C);
    expect(await impatient.end()).toBe(130);
    expect(impatient.text).toContain('nothing was picked up');

    const run = desk.terminal(['pickup', '--no-run', '--folder', shared, '--into', desk.project]);
    await run.sees(/Waiting for them/);
    arrive();
    await run.answers(/Its files are not here: [\d.]+ kB from[\s\S]*burns the handoff/, 'y\r');
    expect(await run.end()).toBe(0);
    expect(run.text.slice(0, run.text.indexOf('burns the handoff'))).not.toContain(SESSION);
    expect(run.text).toMatch(/Brought in, to [\s\S]*Burnt: /);
    expect(textOn(desk)).toContain('ZEBRA');
    expect(bundles()).toEqual([]);
    expect((await desk.run(['show'])).code).toBe(3);
  });

  it('is waited for as long as --timeout says, which must be said without a terminal', async () => {
    await laptop.json(['publish', '--burn', '--folder', shared]);
    const arrive = notYetThere();
    const args = ['pickup', '-y', '--json', '--folder', shared];
    const unsaid = await desk.run(args);
    expect([unsaid.code, errorIn(unsaid.stderr)]).toMatchObject([2, { code: 'usage' }]);
    const late = await desk.run([...args, '--timeout', '1s']);
    expect([late.code, errorIn(late.stderr)]).toMatchObject([7, { code: 'no-session' }]);
    expect(late.stdout).toBe('');
    const told = await desk.run(['pickup', '-y', '--no-run', '--folder', shared, '--timeout', '1s']);
    expect(told.stderr).toContain('Waiting for them, at most 1 second …');
    arrive();
    expect(await desk.json(['pickup', '-y', '--folder', shared, '--into', desk.project])).toMatchObject({ here: true });
  });

  it('is no result but a fact for a script that did not say yes', async () => {
    await laptop.json(['publish', '--folder', shared]);
    expect(await desk.json(['pickup', '--folder', shared])).toMatchObject({ here: false, directory: null });
    expect(existsSync(desk.claudeFolder)).toBe(false);
  });

  it('is burnt only once it lies here; what keeps it from that leaves both there', async () => {
    await laptop.json(['publish', '--burn', '--folder', shared]);
    const [name = ''] = bundles();
    const whole = readFileSync(join(shared, name));
    writeFileSync(join(shared, name), whole.subarray(0, whole.length - 1));
    const args = ['pickup', '-y', '--no-run', '--folder', shared, '--into', desk.project, '--timeout', '1s'];
    const { code, stdout, stderr } = await desk.run(args);
    expect([code, stdout]).toEqual([7, '']);
    expect(stderr).toContain('did not become whole within 1 second');
    expect(existsSync(transcriptOn(desk))).toBe(false);
    expect(await desk.json(['list'])).toHaveLength(1);
  });

  it.runIf(canMount)('is not burnt where the disk is full', async () => {
    const noise = Array.from({ length: 3000 }, () => crypto.randomUUID()).join(' ');
    goOn(laptop, noise);
    await laptop.json(['publish', '--burn', '--folder', shared]);
    await withTinyDisk(64, async ({ path }) => {
      const env = { CLAUDE_CONFIG_DIR: join(path, 'claude') };
      const full = await desk.run(['pickup', '-y', '--no-run', '--folder', shared, '--into', desk.project], { env });
      expect([full.code, full.stdout]).toEqual([5, '']);
      expect(full.stderr).toMatch(/no room|full/);
      expect(existsSync(join(path, 'claude', 'projects'))).toBe(false);
    });
    expect(await desk.json(['list'])).toHaveLength(1);
    expect(bundles()).toHaveLength(1);
  });

  it('is never burnt without its session, whenever the pickup is killed', async () => {
    await laptop.json(['publish', '--burn', '--folder', shared]);
    const whole = textLengthOf(laptop);
    const args = ['pickup', '-y', '--no-run', '--folder', shared, '--into', desk.project];
    let isLive = true;
    for (let delayMs = 200; isLive && delayMs <= 1400; delayMs += 240) {
      const run = desk.terminal(args);
      await sleep(delayMs);
      run.kill('SIGKILL');
      await run.end();
      isLive = (await laptop.json<unknown[]>(['list'])).length > 0;
      if (existsSync(transcriptOn(desk))) expect(textLengthOf(desk)).toBe(whole);
      else expect(isLive).toBe(true);
    }
    const last = await desk.run(args);
    if (last.code === 0) expect(last.stdout).toContain(`--resume ${SESSION} --append-system-prompt`);
    expect(textLengthOf(desk)).toBe(whole);
    expect(readdirSync(desk.claudeFolder).filter((name) => name.includes('incoming'))).toEqual([]);
  }, 60_000);

  it('is removed with its handoff: revoked, replaced or expired, and nothing else in the folder', async () => {
    writeFileSync(join(shared, 'holiday.jpg'), 'x');
    laptop.env['CCLINK_FOLDER'] = shared;
    await laptop.json(['publish']);
    const [first = ''] = bundles();
    cpSync(join(shared, first), join(shared, first.replace('.', ' (conflicted copy).')));
    await laptop.json(['publish']);
    expect(bundles()).toHaveLength(1);
    expect(bundles()).not.toContain(first);
    expect(readdirSync(shared)).toHaveLength(2);
    await laptop.json(['revoke', '-y']);
    expect(readdirSync(shared)).toEqual(['holiday.jpg']);

    await laptop.json(['publish', '--ttl', '1s']);
    expect(bundles()).toHaveLength(1);
    await sleep(2000);
    await laptop.run(['pickup', '-y', '--no-run']);
    expect(readdirSync(shared)).toEqual(['holiday.jpg']);
  });

  it('is not left there if the handoff can not be published', async () => {
    const env = { CCLINK_BOOTSTRAP: '127.0.0.1:1' };
    const { code, stdout } = await laptop.run(['--folder', shared, '--timeout', '2s'], { env });
    expect([code, stdout]).toEqual([6, '']);
    expect(readdirSync(shared)).toEqual([]);
    const nowhere = await laptop.run(['--folder', join(shared, 'nowhere')]);
    expect([nowhere.code, nowhere.stdout]).toEqual([5, '']);
    expect(nowhere.stderr).toContain('There is no folder');
    expect((await laptop.run(['--dry-run', '--folder', join(shared, 'nowhere')])).stderr).toBe(nowhere.stderr);
    expect(await laptop.json(['list'])).toEqual([]);
  });

  it('does not go with a PIN that somebody made up', async () => {
    const env = { CCLINK_PIN: 'nine lives of a cat' };
    const { code, stderr } = await laptop.run(['--pin', '--folder', shared], { env });
    expect(code).toBe(0);
    expect(stderr).toMatch(/are not put into .*could try PINs/);
    expect(readdirSync(shared)).toEqual([]);
  });

  it('goes with a PIN that cclink made, to anybody who has it', async () => {
    const run = laptop.terminal(['--pin', '--folder', shared]);
    await run.answers(/PIN \(Return makes one/, '\r');
    expect(await run.end()).toBe(0);
    const [, pin = ''] = /PIN: ([a-z-]+)/.exec(run.text) ?? [];
    const [, publicKey = ''] = /cclink pickup ([a-z0-9]{52})/.exec(run.text) ?? [];
    const bob = new Machine('bob', network.bootstrap);
    const env = { CCLINK_PIN: pin };
    const args = ['pickup', publicKey, '--folder', shared, '-y', '--into', bob.project, '--from', publicKey, '--json'];
    const picked = await bob.run(args, { env });
    expect(JSON.parse(picked.stdout)).toMatchObject({ mode: 'pin', here: true, imported: { outcome: 'new' } });
    expect(textOn(bob)).toContain('ZEBRA');
    bob.remove();
  });

  it('does not go where its files are not, with --force', async () => {
    laptop.env['CCLINK_FOLDER'] = shared;
    const elsewhere = '22222222-2222-4222-8222-222222222222';
    const { code, stderr } = await laptop.run([elsewhere, '--force']);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/are not put into .*not on this machine/)]);
    expect(readdirSync(shared)).toEqual([]);
  });

  it('may be put there by an agent, for its own user only', async () => {
    const env = { CLAUDECODE: '1' };
    expect((await laptop.run(['--folder', shared], { env })).code).toBe(0);
    expect(bundles()).toHaveLength(1);
    expect((await desk.run(['pickup', '-y', '--folder', shared], { env })).code).toBe(5);
    expect((await laptop.run(['--pin', '--folder', shared], { env })).code).toBe(5);
  });

  it('of somebody else is taken only by name, and started with safe options', async () => {
    const bob = new Machine('bob', network.bootstrap);
    const theirs = await bob.init();
    bob.installClaude();
    const { publicKey } = await laptop.json<{ publicKey: string }>([
      'publish',
      '--share',
      theirs,
      '--folder',
      shared,
      '-y',
    ]);
    const withoutFolder = await bob.run(['pickup', publicKey, '-y']);
    expect([withoutFolder.code, withoutFolder.stderr]).toEqual([
      7,
      expect.stringContaining(`  cclink pickup ${publicKey} --folder <dir>`),
    ]);
    expect(withoutFolder.stderr).not.toContain('rsync');

    const args = ['pickup', publicKey, '--folder', shared, '-y', '--into', bob.project];
    const unnamed = await bob.run(args);
    expect([unnamed.code, unnamed.stdout]).toEqual([2, '']);
    expect(unnamed.stderr).toMatch(/somebody else[\s\S]*--from/);
    expect((await bob.run([...args, '--from', theirs])).code).toBe(5);
    expect(existsSync(bob.claudeFolder)).toBe(false);
    expect((await bob.run([...args, '--from', publicKey])).code).toBe(0);
    expect(bob.claudeStart()?.args).toContain('--permission-mode');
    expect(textOn(bob)).toContain('ZEBRA');
    bob.remove();
  });

  it('names what would bring the files where nothing does', async () => {
    await laptop.json(['publish']);
    const missing = await desk.run(['pickup', '-y']);
    expect(missing.code).toBe(7);
    expect(missing.stderr).toMatch(/^ {2}cclink pickup --ssh [A-Za-z0-9][A-Za-z0-9._-]*$/m);
    // Published without a folder: there is nothing to wait for.
    const { code } = await desk.run(['pickup', '-y', '--folder', shared]);
    expect(code).toBe(7);
    await laptop.json(['publish', '--folder', shared]);
    const unnamed = await desk.run(['pickup', '-y']);
    expect(unnamed).toMatchObject({ code: 7, stderr: expect.stringMatching(/^ {2}cclink pickup --folder <dir>$/m) });
    const pointless = await desk.run(['pickup', '-y', '--into', desk.project]);
    expect([pointless.code, pointless.stderr]).toEqual([2, expect.stringContaining('--ssh <host>')]);
  });
});
