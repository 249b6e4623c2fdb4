import {
  appendFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SESSION } from '../support/machine.ts';
import { desk, laptop, shareKeyAndSession, useTwoMachines } from '../support/two-machines.ts';
import { readVectors } from '../support/vectors.ts';

const PASSPHRASE = 'a good passphrase';
const RETURN = '\r';
const CTRL_C = '\u0003';

useTwoMachines(12);

describe('init at a terminal', () => {
  it('asks for a key elsewhere first, then for the passphrase twice, and shows neither', async () => {
    const run = laptop.terminal(['init']);
    await run.answers(/another machine already\?/, RETURN);
    await run.answers(/Passphrase for the key/, `short${RETURN}`);
    await run.sees(/fewer than 8/);
    await run.answers(/fewer than 8[\s\S]*Passphrase for the key/, PASSPHRASE + RETURN);
    await run.answers(/The same again/, `another one${RETURN}`);
    await run.answers(/differ[\s\S]*Passphrase for the key/, PASSPHRASE + RETURN);
    await run.answers(/differ[\s\S]*The same again/, PASSPHRASE + RETURN);
    expect(await run.end()).toBe(0);
    expect(run.raw).not.toContain(PASSPHRASE);
    expect(run.text).toMatch(/Public key +[a-z0-9]{52}/);
    expect(readFileSync(laptop.keyFile).subarray(0, 8).toString()).toBe('CCLINKEK');
    expect(statSync(laptop.keyFile).mode & 0o777).toBe(0o600);
    expect(statSync(join(laptop.home, '.pubky')).mode & 0o777).toBe(0o700);
  });

  it('shows how to bring the key where there is one, and makes none', async () => {
    const run = laptop.terminal(['init']);
    await run.answers(/another machine already\?/, `y${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(run.text).toMatch(/ssh .*cat \.pubky\/secret_key/);
    expect(run.text).toMatch(/cclink init --import -/);
    expect(existsSync(laptop.keyFile)).toBe(false);
  });

  it('never loses a key that is there: no keeps it, yes keeps it beside the new one', async () => {
    const old = await laptop.init();
    const before = readFileSync(laptop.keyFile, 'utf8');
    const no = laptop.terminal(['init', '--no-passphrase']);
    await no.answers(/Replace it\?/, RETURN);
    expect(await no.end()).toBe(9);
    expect(readFileSync(laptop.keyFile, 'utf8')).toBe(before);

    const yes = laptop.terminal(['init', '--no-passphrase']);
    await yes.answers(/Replace it\?/, `y${RETURN}`);
    expect(await yes.end()).toBe(0);
    expect(readFileSync(laptop.keyFile, 'utf8')).not.toBe(before);
    expect(readFileSync(join(laptop.home, '.pubky', `secret_key.${old.slice(0, 8)}.bak`), 'utf8')).toBe(before);
  });

  it('leaves the terminal as it was and no file behind after Ctrl-C', async () => {
    const run = laptop.terminal(['init'], {
      shell: '"$@"; code=$?; stty -a | tr ";" "\\n" | grep -w echo; exit $code',
    });
    await run.answers(/another machine already\?/, RETURN);
    await run.answers(/Passphrase for the key/, CTRL_C);
    expect(await run.end()).toBe(130);
    expect(run.text).toMatch(/(^|\s)echo\b/m);
    expect(run.text).not.toMatch(/-echo\b/);
    expect(existsSync(join(laptop.home, '.pubky')) ? readdirSync(join(laptop.home, '.pubky')) : []).toEqual([]);
  });
});

describe('init at a terminal, later', () => {
  it('asks for the old passphrase, then twice for the new one, and shows none', async () => {
    await laptop.init(PASSPHRASE);
    const run = laptop.terminal(['init', '--change-passphrase']);
    await run.answers(/Passphrase of your key/, `wrong${RETURN}`);
    await run.answers(/not the passphrase[\s\S]*Passphrase of your key/, PASSPHRASE + RETURN);
    await run.answers(/New passphrase/, `12345678${RETURN}`);
    await run.answers(/too weak[\s\S]*New passphrase/, `a better passphrase${RETURN}`);
    await run.answers(/The same again/, `a better passphrase${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(run.raw).not.toMatch(/better passphrase/);
    expect((await laptop.run(['whoami'], { env: { CCLINK_PASSPHRASE: 'a better passphrase' } })).code).toBe(0);
  });

  it('asks for a secret key that is to be typed in, and does not show it', async () => {
    const seed = '61644a25da5ad31754e23bc1eca8c766a61ceaa8c60ddc65f158a30209256e35';
    const run = laptop.terminal(['init', '--import', '-', '--no-passphrase']);
    await run.answers(/Secret key, in hex/, seed + RETURN);
    expect(await run.end()).toBe(0);
    expect(run.raw).not.toContain(seed.slice(0, 16));
    expect(readFileSync(laptop.keyFile, 'utf8')).toBe(seed);
  });
});

describe('init without a terminal', () => {
  const SEED = '61644a25da5ad31754e23bc1eca8c766a61ceaa8c60ddc65f158a30209256e35';

  it('imports hex and encrypted keys from a file and from standard input', async () => {
    const plain = await laptop.json(['init', '--import', '-', '--no-passphrase'], { input: `${SEED}\n` });
    expect(plain).toMatchObject({ encrypted: false });
    expect(readFileSync(laptop.keyFile, 'utf8')).toBe(SEED);
    const encrypted = await laptop.json(['init', '--import', laptop.keyFile, '-y'], {
      env: { CCLINK_PASSPHRASE: PASSPHRASE },
    });
    expect(encrypted).toMatchObject({ encrypted: true, publicKey: plain['publicKey'] });

    const envelope = readFileSync(laptop.keyFile);
    writeFileSync(join(desk.home, 'envelope'), envelope);
    expect(await desk.json(['init', '--import', join(desk.home, 'envelope')])).toMatchObject({
      encrypted: true,
      publicKey: null,
    });
    expect(readFileSync(desk.keyFile).equals(envelope)).toBe(true);
    expect(await desk.json(['whoami'], { env: { CCLINK_PASSPHRASE: PASSPHRASE } })).toMatchObject({
      publicKey: plain['publicKey'],
    });
    expect(await desk.json(['whoami'])).toMatchObject({ publicKey: plain['publicKey'] });
  });

  it.each([
    ['nothing', ''],
    ['63 characters', SEED.slice(1)],
    ['65 characters', `${SEED}0`],
    ['no hex', 'z'.repeat(64)],
    ['a megabyte', 'a'.repeat(1_000_000)],
    ['an envelope that asks for 4 TiB', `CCLINKEK\u0001${'\u007f'.repeat(400)}`],
  ])('refuses %s, and writes nothing', async (_what, input) => {
    const { code, stdout } = await laptop.run(['init', '--import', '-', '--no-passphrase'], { input });
    expect([code, stdout]).toEqual([2, '']);
    expect(existsSync(laptop.keyFile)).toBe(false);
  });

  it('says why a file can’t be read', async () => {
    const missing = await laptop.run(['init', '--import', '/does/not/exist']);
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toContain('Cannot read /does/not/exist: there is no such file.');
    writeFileSync(join(laptop.home, 'locked'), SEED, { mode: 0 });
    const locked = await laptop.run(['init', '--import', join(laptop.home, 'locked', 'key')]);
    expect(locked.stderr).toMatch(/a part of its path is a file/);
    expect(existsSync(laptop.keyFile)).toBe(false);
  });

  it('imports what Pubky’s programs write: a recovery file, words, hex with a mark before it', async () => {
    const [vector] =
      readVectors<{ file_base64: string; passphrase: string; public_key: string }[]>('recovery-files.json');
    const file = join(laptop.home, 'recovery.pkarr');
    writeFileSync(file, Buffer.from(vector?.file_base64 ?? '', 'base64'));
    const env = { CCLINK_PASSPHRASE: vector?.passphrase ?? '' };
    const recovered = await laptop.json(['init', '--import', file], { env });
    expect(recovered).toMatchObject({ encrypted: true });
    expect(`pubky${recovered['publicKey']}`).toBe(vector?.public_key);
    expect(await laptop.json(['whoami'], { env })).toMatchObject({ publicKey: recovered['publicKey'] });
    const wrong = await laptop.run(['init', '--import', file, '-y'], { env: { CCLINK_PASSPHRASE: 'another one' } });
    expect(wrong.code).toBe(4);

    const cut = await laptop.run(['init', '--import', '-', '-y'], { input: readFileSync(file).subarray(0, -1) });
    expect([cut.code, cut.stderr]).toEqual([2, expect.stringMatching(/recovery file is damaged.*not as text/s)]);

    const phrase = `${'abandon '.repeat(11)}about`;
    await laptop.json(['init', '--import', '-', '--no-passphrase', '-y'], { input: phrase });
    expect(readFileSync(laptop.keyFile, 'utf8')).toMatch(
      /^5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1$/,
    );
    await laptop.json(['init', '--import', '-', '--no-passphrase', '-y'], { input: `\ufeff${SEED}\r\n` });
    expect(readFileSync(laptop.keyFile, 'utf8')).toBe(SEED);
  });

  it('refuses an encrypted key that a pipe has changed, over a good key, and names the pipe', async () => {
    await desk.init(PASSPHRASE);
    const good = await laptop.init();
    const envelope = readFileSync(desk.keyFile);
    const latin1 = envelope.toString('latin1');
    for (const damaged of [
      Buffer.from(latin1.replaceAll('\n', '\r\n'), 'latin1'), // ssh -t
      Buffer.from(`\ufeff${latin1}`, 'utf16le'), // PowerShell's >
      Buffer.from(envelope.toString('utf8')), // PowerShell's |
      Buffer.concat([envelope, Buffer.from('Bye!\n')]),
      Buffer.concat([Buffer.from('Welcome to desk\n'), envelope]),
      Buffer.concat([envelope, envelope]),
      envelope.subarray(0, -1),
    ]) {
      const file = join(laptop.home, 'damaged');
      writeFileSync(file, damaged);
      const piped = await laptop.run(['init', '--import', '-', '-y'], { input: damaged });
      expect(piped, String(damaged.length)).toMatchObject({ code: 2, stdout: '' });
      expect(piped.stderr).toMatch(/damaged: .*Nothing was imported\..*the pipe.*ssh -T other-machine cat/s);
      expect((await laptop.run(['init', '--import', file, '-y'])).stderr).toMatch(/damaged: .*scp/s);
    }
    const noisy = await laptop.run(['init', '--import', '-', '-y'], { input: `Welcome to desk\n${SEED}` });
    expect([noisy.code, noisy.stderr]).toEqual([2, expect.stringMatching(/other text.*the pipe/s)]);
    const silent = await laptop.run(['init', '--import', '-', '-y'], { input: '' });
    expect([silent.code, silent.stderr]).toEqual([2, expect.stringMatching(/empty.*by itself/s)]);
    expect(await laptop.json(['whoami'])).toMatchObject({ publicKey: good });
    expect(readdirSync(join(laptop.home, '.pubky'))).toEqual(['secret_key']);

    await laptop.json(['init', '--import', '-', '-y'], { input: Buffer.concat([envelope, Buffer.from('\r\n')]) });
    expect(readFileSync(laptop.keyFile).equals(envelope)).toBe(true);
  });

  it('changes the passphrase: the old one opens nothing any more, and is asked first', async () => {
    const publicKey = await laptop.init(PASSPHRASE);
    const before = readFileSync(laptop.keyFile);
    const change = ['init', '--change-passphrase'];
    const refusals = [
      [4, { CCLINK_PASSPHRASE: 'not the old one', CCLINK_NEW_PASSPHRASE: 'a better passphrase' }],
      [2, { CCLINK_PASSPHRASE: PASSPHRASE, CCLINK_NEW_PASSPHRASE: '12345678' }],
      [2, { CCLINK_PASSPHRASE: PASSPHRASE }],
    ] as const;
    for (const [code, env] of refusals) expect(await laptop.run(change, { env })).toMatchObject({ code, stdout: '' });
    expect(readFileSync(laptop.keyFile).equals(before)).toBe(true);

    const env = { CCLINK_PASSPHRASE_COMMAND: `echo '${PASSPHRASE}'`, CCLINK_NEW_PASSPHRASE: 'a better passphrase' };
    expect(await laptop.json(change, { env })).toMatchObject({ publicKey, encrypted: true });
    const age = (passphrase: string) =>
      laptop.run(['publish', '--dry-run', '--force', SESSION], { env: { CCLINK_PASSPHRASE: passphrase } });
    expect(readdirSync(join(laptop.home, '.pubky')).sort()).toEqual(['secret_key', 'secret_key.pub']);
    expect(statSync(laptop.keyFile).mode & 0o777).toBe(0o600);
    rmSync(`${laptop.keyFile}.pub`);
    expect((await age(PASSPHRASE)).code).toBe(4);
    expect((await age('a better passphrase')).code).toBe(0);

    const off = { CCLINK_PASSPHRASE: 'a better passphrase' };
    expect(await laptop.json([...change, '--no-passphrase'], { env: off })).toMatchObject({
      publicKey,
      encrypted: false,
    });
    expect(readFileSync(laptop.keyFile, 'utf8')).toMatch(/^[0-9a-f]{64}$/);
    const on = { CCLINK_NEW_PASSPHRASE: PASSPHRASE };
    expect(await laptop.json(change, { env: on })).toMatchObject({ publicKey, encrypted: true });
    expect((await laptop.run(change)).code).toBe(2);
    expect((await desk.run(change)).code).toBe(9);
  });

  it('replaces the file behind a link when it changes the passphrase, and names the backups of the key', async () => {
    const publicKey = await laptop.init();
    await laptop.json(['init', '--import', laptop.keyFile, '--no-passphrase', '-y']);
    const kept = `${laptop.keyFile}.${publicKey.slice(0, 8)}.bak`;
    const real = join(laptop.home, 'dotfiles-key');
    renameSync(laptop.keyFile, real);
    symlinkSync(real, laptop.keyFile);
    const env = { CCLINK_NEW_PASSPHRASE: PASSPHRASE };
    const { code, stderr } = await laptop.run(['init', '--change-passphrase'], { env });
    expect([code, stderr]).toEqual([0, expect.stringContaining(kept)]);
    expect(lstatSync(laptop.keyFile).isSymbolicLink()).toBe(true);
    expect(readFileSync(real).subarray(0, 8).toString()).toBe('CCLINKEK');
  });

  it('refuses a folder, a missing file, a weak passphrase, and to ask without a terminal', async () => {
    expect((await laptop.run(['init', '--import', laptop.home])).code).toBe(2);
    for (const weak of ['short', '12345678', 'aaaaaaaa', 'Password1']) {
      expect((await laptop.run(['init'], { env: { CCLINK_PASSPHRASE: weak } })).code).toBe(2);
    }
    const silent = await laptop.run(['init']);
    expect([silent.code, silent.stderr]).toEqual([2, expect.stringMatching(/terminal/)]);
    await laptop.init();
    expect((await laptop.run(['init', '--no-passphrase'])).code).toBe(2);
    expect((await laptop.run(['init', '--no-passphrase', '-y'])).code).toBe(0);
  });
});

describe('the key file', () => {
  it('is refused when others may read it, with the line that mends it', async () => {
    await laptop.init();
    const { chmodSync } = await import('node:fs');
    for (const mode of [0o400, 0o500, 0o700]) {
      chmodSync(laptop.keyFile, mode);
      expect((await laptop.run(['whoami'])).code).toBe(0);
    }
    chmodSync(laptop.keyFile, 0o644);
    const { code, stderr } = await laptop.run(['list']);
    expect(code).toBe(5);
    expect(stderr).toContain(`chmod 600 ${laptop.keyFile}`);
  });
});

describe('pickup at a terminal', () => {
  it('asks, and gives the terminal to claude, in the directory of the session', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish']);
    const run = desk.terminal(['pickup'], { cwd: desk.home });
    await run.sees(/remember the word ZEBRA/);
    await run.answers(/Go on with this session here\?/, `y${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(desk.claudeStart()).toMatchObject({ args: ['--resume', SESSION], cwd: laptop.project, stdinIsTty: true });
  });

  it('asks on the terminal while standard input is data, and claude gets the terminal', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish']);
    const run = desk.terminal(['pickup'], { shell: 'echo y | "$@"' });
    await run.answers(/Go on with this session here\?/, `y${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(desk.claudeStart()?.stdinIsTty).toBe(true);
  });

  it('gives claude a terminal that a shell script can read, though questions were asked on it', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish']);
    const script = '#!/bin/sh\nread -r line || exit 9\necho "read: $line"\nexec cat\n';
    writeFileSync(join(desk.home, 'bin', 'claude'), script, { mode: 0o755 });
    const run = desk.terminal(['pickup']);
    await run.answers(/Go on with this session here\?/, `y${RETURN}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    run.type(`typed${RETURN}`);
    await run.sees(/read: typed/);
    run.type('\u0004');
    expect(await run.end()).toBe(0);
  });

  it('burns nothing on a no, on a bare Return, on Ctrl-C', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--burn']);
    for (const answer of [`n${RETURN}`, RETURN, CTRL_C]) {
      const run = desk.terminal(['pickup']);
      await run.answers(/Pick it up\? This burns it/, answer);
      expect(await run.end()).toBe(130);
      expect(run.text).not.toContain(SESSION);
    }
    expect(desk.claudeStart()).toBeNull();
    expect(await laptop.json(['list'])).toHaveLength(1);
  });

  it('leaves a handoff alone that was replaced while the question stood', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--burn']);
    const run = desk.terminal(['pickup']);
    await run.sees(/Pick it up\?/);
    await laptop.json(['publish']);
    await run.answers(/Pick it up\?/, `y${RETURN}`);
    expect(await run.end()).toBe(5);
    expect(desk.claudeStart()).toBeNull();
    expect(await laptop.json(['list'])).toMatchObject([{ burn: false }]);
  });

  it('names a session that is open in a running claude here, before it asks', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish']);
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(desk.claudeFolder, 'sessions'), { recursive: true });
    const live = { pid: process.pid, sessionId: SESSION, cwd: laptop.project };
    writeFileSync(join(desk.claudeFolder, 'sessions', `${process.pid}.json`), JSON.stringify(live));
    const run = desk.terminal(['pickup']);
    await run.answers(/Go on with this session here\?/, RETURN);
    expect(await run.end()).toBe(130);
    expect(run.text.indexOf(`process ${process.pid}`)).toBeGreaterThan(0);
    expect(run.text.indexOf(`process ${process.pid}`)).toBeLessThan(run.text.indexOf('Go on with this session'));
  });

  it('warns before the question of a session that is older here than its handoff, and says how to bring it', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish']);
    const transcript = desk.addSession(laptop.project, { ageSeconds: 725 });
    const run = desk.terminal(['pickup']);
    await run.sees(/Last change here +12 minutes ago/);
    await run.sees(/that\s+is\s+missing\s+here[\s\S]*cclink pickup --ssh [\s\S]*Go on with this session here\?/);
    await run.answers(/Go on with this session here\?/, RETURN);
    await run.end();

    const record = { type: 'user', message: { role: 'user', content: 'more' }, timestamp: new Date().toISOString() };
    appendFileSync(transcript, `${JSON.stringify(record)}\n`);
    const { stderr, stdout } = await desk.run(['pickup', '-y', '--no-run']);
    expect([stdout, stderr]).toEqual([expect.stringContaining(SESSION), expect.not.stringContaining('older than')]);
  });

  it('gives a wrong passphrase or PIN three tries', async () => {
    await laptop.init(PASSPHRASE);
    laptop.addSession();
    const env = { CCLINK_PIN: 'correct horse battery', CCLINK_PASSPHRASE: PASSPHRASE };
    await laptop.json(['publish'], { env });
    const locked = laptop.terminal(['show']);
    for (let attempt = 0; attempt < 3; attempt++) {
      await locked.answers(new RegExp(`(Passphrase of your key[\\s\\S]*){${attempt + 1}}`), `wrong one${RETURN}`);
      if (attempt < 2) await locked.sees(new RegExp(`(try again[\\s\\S]*){${attempt + 1}}`));
    }
    expect(await locked.end()).toBe(4);

    const { publicKey } = await laptop.json<{ publicKey: string }>(['publish', '--pin'], { env });
    const asked = desk.terminal(['show', publicKey]);
    await asked.answers(/PIN of the handoff/, `wrong one${RETURN}`);
    await asked.answers(/try again[\s\S]*PIN of the handoff/, `correct horse battery${RETURN}`);
    expect(await asked.end()).toBe(0);
    expect(asked.text).toContain(SESSION);
  });
});

describe('pickup --tmux', () => {
  it('opens a window in the directory of the session, named after it', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--burn']);
    const outside = await desk.run(['pickup', '-y', '--tmux']);
    expect([outside.code, await laptop.json(['list'])]).toEqual([2, [expect.objectContaining({ burn: true })]]);

    const { execFileSync } = await import('node:child_process');
    // A server of its own. It ends with its last window, and so would end with the stand-in claude: a shell
    // keeps one open.
    const tmux = (...args: string[]) =>
      execFileSync('tmux', ['-S', join(desk.home, 'tmux'), '-f', '/dev/null', ...args], {
        env: desk.env,
        encoding: 'utf8',
      });
    tmux('new-session', '-d', '-x', '120', '-y', '30', '/bin/sh');
    try {
      tmux('set-option', '-g', 'remain-on-exit', 'on');
      // As where the tmux server was started from inside a session.
      tmux('set-environment', '-g', 'CLAUDE_CODE_CHILD_SESSION', '1');
      const socket = tmux('display-message', '-p', '#{socket_path},#{pid},0').trim();
      const inside = await desk.run(['pickup', '-y', '--tmux', '--', 'do it;', 'x'], { env: { TMUX: socket } });
      expect([inside.code, inside.stdout]).toEqual([0, '']);
      expect(inside.stderr).toMatch(/runs in window \d+:1 of tmux/);
      expect(tmux('list-windows', '-F', '#{window_name}')).toContain('remember the word ZEBRA');
      await expect
        .poll(() => desk.claudeStart(), { timeout: 5000 })
        .toMatchObject({
          args: ['--resume', SESSION, 'do it;', 'x'],
          cwd: laptop.project,
          stdinIsTty: true,
        });
      for (const name of ['CCLINK_PIN', 'CLAUDE_CODE_CHILD_SESSION']) {
        expect(desk.claudeStart()?.env).not.toHaveProperty(name);
      }
      expect(await laptop.json(['list'])).toEqual([]);
    } finally {
      tmux('kill-server');
    }
  });
});

describe('publish at a terminal', () => {
  it('makes a PIN of five words on a bare Return, which opens the handoff', async () => {
    await shareKeyAndSession();
    const run = laptop.terminal(['--pin']);
    await run.answers(/PIN \(Return makes one/, `12345678${RETURN}`);
    await run.answers(/too weak[\s\S]*PIN \(Return makes one/, RETURN);
    expect(await run.end()).toBe(0);
    const pin = /PIN: ((?:[a-z]+-){4}[a-z]+)/.exec(run.text)?.[1] ?? '';
    const publicKey = /cclink pickup ([a-z0-9]{52})/.exec(run.text)?.[1] ?? '';
    const opened = { mode: 'pin', session: { id: SESSION } };
    expect(await desk.json(['show', publicKey], { env: { CCLINK_PIN: pin } })).toMatchObject(opened);
    const spoken = ` ${pin.toUpperCase().replaceAll('-', ' ')} `;
    expect(await desk.json(['show', publicKey], { env: { CCLINK_PIN: spoken } })).toMatchObject(opened);
    const asked = desk.terminal(['show', publicKey]);
    await asked.answers(/PIN of the handoff/, pin.replaceAll('-', '_') + RETURN);
    expect(await asked.end()).toBe(0);
  });

  it('warns of a PIN handoff that others cannot burn before the line to copy, not between', async () => {
    await shareKeyAndSession();
    const { stderr } = await laptop.run(['--pin', '--burn'], { env: { CCLINK_PIN: 'correct horse battery' } });
    expect(stderr).toMatch(/Warning: a PIN handoff burns only[\s\S]*There, type:\n$/);
  });

  it('asks which of several recent sessions it is, with title and folder', async () => {
    await laptop.init();
    const other = '99999999-9999-4999-8999-999999999999';
    laptop.addSession(laptop.project, { id: other, sample: 'toolcall' });
    laptop.addSession();
    const run = laptop.terminal([]);
    await run.sees(/Which session\?/);
    await run.sees(/99999999 +\S.* +“notes cleanup”[\s\S]*kB, in /);
    // Its title is its first prompt, which is not shown twice.
    expect(run.text.match(/remember the word ZEBRA/g)).toHaveLength(1);
    await run.answers(/remember the word ZEBRA/, `\u001b[B${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(run.text).toMatch(/Published session/);
  });

  it('asks before it replaces what was meant for somebody else', async () => {
    await shareKeyAndSession();
    await laptop.json(['publish', '--share', 'df9sse9bp1nuftim3yhxiuk6w6r5hddsskjygpydux7esxjstioo']);
    const run = laptop.terminal([]);
    await run.answers(/still live under your key.*Replace it\?/s, RETURN);
    expect(await run.end()).toBe(130);
    expect(await laptop.json(['list'])).toMatchObject([{ mode: 'share' }]);
  });

  it('draws a QR code of the very line for the other side', async () => {
    await shareKeyAndSession();
    const { stdout } = await laptop.run(['--qr']);
    expect(stdout).toMatch(/^cclink pickup\n/);
    expect(stdout).toMatch(/[▀▄█]/);
  });
});

describe('whoami at a terminal', () => {
  it('prints the secret key in the form of age after a yes, and only then', async () => {
    await laptop.init();
    const no = laptop.terminal(['whoami', '--age-identity']);
    await no.answers(/secret key/, RETURN);
    expect(await no.end()).toBe(130);
    expect(no.text).not.toContain('AGE-SECRET-KEY-');
    const yes = laptop.terminal(['whoami', '--age-identity']);
    await yes.answers(/secret key/, `y${RETURN}`);
    expect(await yes.end()).toBe(0);
    expect(yes.text).toMatch(/AGE-SECRET-KEY-1[0-9A-Z]{58}/);
    expect((await laptop.run(['whoami', '--age-identity', '-q'])).code).toBe(2);
  });

  it('copies by the terminal over ssh (OSC 52)', async () => {
    const publicKey = await laptop.init();
    const run = laptop.terminal(['whoami', '--copy'], { env: { SSH_TTY: '/dev/pts/9' } });
    expect(await run.end()).toBe(0);
    expect(run.raw).toContain(`\u001b]52;c;${Buffer.from(publicKey).toString('base64')}\u0007`);
    expect(run.text).toMatch(/The terminal was asked to copy/);
    expect(run.text).not.toMatch(/copied/);
  });

  it('copies by tmux inside tmux, which would swallow what asks the terminal', async () => {
    const publicKey = await laptop.init();
    const taken = join(laptop.home, 'taken');
    const stub = `#!/bin/sh\n[ "$*" = 'load-buffer -w -' ] && cat > '${taken}'\n`;
    writeFileSync(join(laptop.home, 'bin', 'tmux'), stub, { mode: 0o755 });
    const run = laptop.terminal(['whoami', '--copy'], { env: { TMUX: '/tmp/tmux,1,0' } });
    expect(await run.end()).toBe(0);
    expect(readFileSync(taken, 'utf8')).toBe(publicKey);
    expect(run.text).toMatch(/copied to tmux/);
    expect(run.raw).not.toContain('\u001b]52');
  });

  it('draws a QR code in colours of its own on a terminal, whatever the theme and NO_COLOR', async () => {
    await laptop.init();
    const run = laptop.terminal(['whoami', '--qr'], { env: { NO_COLOR: '1' } });
    expect(await run.end()).toBe(0);
    const rows = run.raw.split('\r\n').filter((line) => line.startsWith('\u001b[38;5;231;48;5;16m'));
    expect(rows.length).toBeGreaterThan(18);
    // A quiet zone of four modules: two lines above, four columns on each side.
    for (const row of rows) expect(row).toMatch(/^[^m]+m█{4}.*█{4}\u001b\[0m$/);
    expect(rows[0]).toBe(rows[1]);
    expect(rows[1]).toMatch(/m█+\u001b/);
  });
});

describe('the demo at a terminal', () => {
  it('tells its story to the end without a question, and ends with Ctrl-C', async () => {
    const run = laptop.terminal(['demo'], { shell: 'stty cols 60; exec "$@"' });
    await run.sees(/5\. For somebody else/);
    await run.sees(/Try it for real/);
    expect(await run.end()).toBe(0);
    // But for lines to copy, and words that are longer than the line.
    const tooLong = run.text.split('\n').filter((line) => line.length > 60 && / \S+ \S/.test(line.slice(0, 60).trim()));
    for (const line of tooLong) expect(line).toMatch(/^ *(?:laptop|desk|bob|server)\$ |^ *(?:cd|cclink|ssh) /);
    expect(run.text).not.toMatch(/\? |Error: This/);
    expect(run.text).toMatch(/From +laptop/);
    // The new machine never had its files.
    expect(run.text).toMatch(/Its\s+files\s+are\s+not\s+here:[\s\S]*cd \S+\/server\/my-project && claude --resume/);
    const stopped = laptop.terminal(['demo']);
    await stopped.answers(/3\. Hand it over/, CTRL_C);
    expect(await stopped.end()).toBe(130);
  });
});

describe('a failure at a terminal', () => {
  it('is broken between words, with its list of likely reasons', async () => {
    await laptop.init();
    const run = laptop.terminal(['pickup'], { shell: 'stty cols 60; exec "$@"' });
    expect(await run.end()).toBe(3);
    expect(run.text).toMatch(/Most likely[^:]*:\n- .*\n {2}\S/);
    expect(run.text.split('\n').filter((line) => line.length > 60)).toEqual([]);
  });
});

describe('waiting', () => {
  it('is shown after half a second, and ends with Ctrl-C and exit 130', async () => {
    await laptop.init();
    const run = laptop.terminal(['list'], { env: { CCLINK_BOOTSTRAP: '127.0.0.1:9' } });
    await run.answers(/Asking the network/, CTRL_C);
    expect(await run.end()).toBe(130);
    expect(run.text).toMatch(/Interrupted\.\n$/);
  });
});
