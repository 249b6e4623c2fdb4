import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { desk, goOn, laptop, shared, textOn, transcriptOn, useDistantMachines } from '../support/distant-machines.ts';
import { SESSION } from '../support/machine.ts';
import { describeWithSsh, installCclink, installSsh, type SshServer, startSshServer } from '../support/ssh-server.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

useDistantMachines(12);

describeWithSsh('over ssh', () => {
  /** Where the server believes its user at home: a link to the home of the laptop of each test. */
  let home: string;
  let root: string;
  let server: SshServer;

  beforeAll(async () => {
    root = makeTemporaryFolder();
    home = join(root, 'home');
    mkdirSync(home);
    // What the far cclink must find by itself: there is no terminal, and nothing of cclink is on PATH.
    server = await startSshServer(join(root, 'sshd'), { HOME: home, PATH: '/usr/bin:/bin', DISPLAY: '' });
  });
  afterAll(async () => {
    await server.close();
    rmSync(root, { recursive: true, force: true });
  });
  beforeEach(() => {
    rmSync(home, { recursive: true, force: true });
    installCclink(home, laptop);
    installSsh(join(desk.home, 'bin'), server);
  });

  const pickup = ['pickup', '-y', '--no-run', '--ssh', 'desk'];

  it('come the files of a session, and a burn handoff is burnt afterwards', async () => {
    // Its passphrase is not needed there: nothing is signed.
    const token = ['ghp', '_', 'n7Qx2LmT9vKc4RbW1sYd8HfZ5jGp3aEu6oXi'].join('');
    goOn(laptop, token);
    await laptop.json(['publish', '--burn']);
    const picked = await desk.run([...pickup, '--into', desk.project]);
    expect(picked.stderr).toMatch(/Its files are not here: [\d.]+ kB from desk\./);
    expect([picked.code, picked.stdout]).toEqual([0, expect.stringContaining(`${SESSION} --append-system-prompt`)]);
    expect(textOn(desk)).toContain('ZEBRA');
    expect(textOn(desk)).toContain(token); // it is one's own there, too
    expect(textOn(desk)).not.toContain(laptop.home);
    expect((await desk.run(['show'])).code).toBe(3);
  });

  it('comes what is newer there than here, and nothing where nothing is', async () => {
    await laptop.json(['publish']);
    await desk.json([...pickup, '--into', desk.project]);
    goOn(laptop, 'said since');
    expect(await desk.json(pickup)).toMatchObject({ imported: { outcome: 'updated' } });
    expect(await desk.json(pickup)).not.toHaveProperty('imported');
    // A session that was left alone for a while before it was published: ssh tells that nothing is missing.
    for (const machine of [laptop, desk]) {
      writeFileSync(
        transcriptOn(machine),
        textOn(machine).replace(/("timestamp":")\d{4}/g, (_, before) => `${before}2025`),
      );
    }
    const { stderr, code } = await desk.run(pickup);
    expect({ stderr, code }).toEqual({ stderr: expect.stringMatching(/^desk has nothing newer\.$/m), code: 0 });
    expect(stderr).not.toContain('To bring it over');
    expect((await desk.run(['pickup', '-y', '--no-run'])).stderr).toContain('To bring it over');
  });

  it('is asked before anything is written, with what it is', async () => {
    await laptop.json(['publish']);
    const run = desk.terminal(['pickup', '--no-run', '--ssh', 'desk', '--into', desk.project]);
    await run.answers(/ZEBRA[\s\S]*Bring it here, and go on with it\?/, '\r');
    expect(await run.end()).toBe(130);
    expect(() => textOn(desk)).toThrow();
    expect(await desk.json(['list'])).toHaveLength(1);
    // Two tables, of which the second does not say what the first one did.
    for (const label of ['Session', 'From', 'Published', 'Title', 'Here']) {
      expect(run.text.match(new RegExp(`^ {2}${label} `, 'gm')), label).toHaveLength(1);
    }
    expect(run.text).not.toMatch(/^ {2}(Signed by|Exported) /m);
  });

  it('lets ssh ask its own questions on the terminal, before ours', async () => {
    for (const machine of [laptop, desk]) rmSync(join(machine.home, '.pubky'), { recursive: true });
    await laptop.init('an own passphrase');
    desk.takeKeyOf(laptop);
    await laptop.json(['publish'], { env: { CCLINK_PASSPHRASE: 'an own passphrase' } });
    const wary = join(desk.home, 'wary');
    const config = readFileSync(server.clientConfig, 'utf8');
    writeFileSync(
      wary,
      config.replace(/UserKnownHostsFile .*\nStrictHostKeyChecking yes/, 'UserKnownHostsFile /dev/null'),
    );
    installSsh(join(desk.home, 'bin'), { ...server, clientConfig: wary });
    const run = desk.terminal(['pickup', '--no-run', '--ssh', 'desk', '--into', desk.project]);
    await run.answers(/Passphrase of your key/, 'an own passphrase\r');
    await run.answers(/Are you sure you want to continue connecting/, 'yes\r');
    await run.answers(/Bring it here, and go on with it\?/, 'y\r');
    expect(await run.end()).toBe(0);
    // What was typed for ssh is seen, as in any terminal.
    expect(run.text).toMatch(/fingerprint\]\)\? yes/);
    expect(textOn(desk)).toContain('ZEBRA');
  });

  it('burns nothing where it fails, and says so in the words of ssh', async () => {
    await laptop.json(['publish', '--burn']);
    const away = await desk.run(['pickup', '-y', '--no-run', '--ssh', 'nowhere', '--into', desk.project]);
    expect([away.code, away.stdout]).toEqual([6, '']);
    expect(away.stderr).toMatch(/ssh nowhere failed: .*refused/);
    const option = await desk.run(['pickup', '-y', '--ssh=-oProxyCommand=touch pwned']);
    expect(option.code).toBe(2);
    const ssh = join(desk.home, 'bin', 'ssh');
    writeFileSync(ssh, '#!/bin/sh\necho hello\n');
    const greeting = await desk.run(pickup);
    expect([greeting.code, greeting.stdout]).toEqual([5, '']);
    expect(greeting.stderr).toMatch(/What desk sent is not what it was asked for\..*nothing burnt\./);
    expect(greeting.stderr).toContain('must print nothing: ssh -T desk true');
    installSsh(join(desk.home, 'bin'), server);
    rmSync(transcriptOn(laptop));
    const gone = await desk.run(pickup);
    expect([gone.code, gone.stdout]).toEqual([7, '']);
    expect(gone.stderr).toMatch(/cclink on desk did not send the session: Error: /);
    expect(await desk.json(['list'])).toHaveLength(1);
  });

  it('leaves nothing behind when it is interrupted on the way, and burns nothing', async () => {
    for (let i = 0; i < 4; i++) goOn(laptop, randomBytes(700_000).toString('base64'));
    await laptop.json(['publish', '--burn']);
    const ssh = join(desk.home, 'bin', 'ssh');
    writeFileSync(ssh, `#!/bin/sh\n/usr/bin/ssh -F '${server.clientConfig}' "$@" | head -c 2000000\nexec sleep 60\n`);
    const run = desk.terminal([...pickup, '--into', desk.project]);
    const isStaging = () =>
      existsSync(desk.claudeFolder) &&
      readdirSync(desk.claudeFolder).some((name) => name.startsWith('.cclink-incoming-'));
    while (!isStaging()) await sleep(20);
    run.type('\u0003');
    expect(await run.end()).toBe(130);
    expect(run.text).toContain('Interrupted; nothing was picked up.');
    expect(readdirSync(desk.claudeFolder)).toEqual([]);
    expect(await desk.json(['list'])).toHaveLength(1);
  });

  it('goes before the folder, and our secrets stay here', async () => {
    await laptop.json(['publish', '--folder', shared]);
    const ssh = join(desk.home, 'bin', 'ssh');
    const seen = join(desk.home, 'seen');
    writeFileSync(ssh, `#!/bin/sh\nenv > '${seen}'\nexec /usr/bin/ssh -F '${server.clientConfig}' "$@"\n`);
    const env = { CCLINK_PIN: 'a secret of the environment', CCLINK_FOLDER: shared };
    const picked = await desk.run([...pickup, '--into', desk.project], { env });
    expect(picked.stderr).toContain('from desk');
    expect(readFileSync(seen, 'utf8')).toContain(`HOME=${desk.home}`);
    expect(readFileSync(seen, 'utf8')).not.toContain('a secret');
  });
});
