import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { ageRecipient } from '../../src/crypto/age.ts';
import { openStream } from '../../src/crypto/age-file.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { readBundle } from '../../src/travel/bundle/bundle-reader.ts';
import { chunked, collect } from '../support/chunks.ts';
import { Machine, SESSION } from '../support/machine.ts';

const RETURN = '\r';
const CTRL_C = '\u0003';
const SECRET = new Uint8Array(32).fill(7);
const RECIPIENT = ageRecipient(x25519PublicOfSecret(SECRET));
const NAME = `remember-the-word-zebra-${SESSION.slice(0, 8)}.cclink`;

let laptop: Machine;
let desk: Machine;

beforeEach(() => {
  // No node answers there: nothing here may need the network.
  laptop = new Machine('laptop', '127.0.0.1:9');
  desk = new Machine('desk', '127.0.0.1:9');
  laptop.addSession();
});

afterEach(() => {
  laptop.remove();
  desk.remove();
});

const at = (name: string) => join(laptop.project, name);
const exported = (...args: string[]) => laptop.run(['export', ...args]);
const readJson = (text: string) => JSON.parse(text) as Record<string, unknown>;

async function openedWith(bytes: Uint8Array, secret = SECRET) {
  const bundle = await readBundle(chunked(bytes), { secrets: async () => [Uint8Array.from(secret)] });
  const files = new Map<string, string>();
  for await (const { name, content } of bundle.files) files.set(name, (await collect(content)).toString());
  return { manifest: bundle.manifest, signer: bundle.signer, files };
}

/** Makes the session `mb` megabytes larger, so that its export takes a while. */
function makeLarge(mb: number): void {
  const path = laptop.addSession();
  const [line = ''] = readFileSync(path, 'utf8')
    .split('\n')
    .filter((text) => text.includes('"type":"user"'));
  const record = JSON.parse(line);
  record.message.content = randomBytes(750_000).toString('base64');
  const block = `${JSON.stringify(record)}\n`.repeat(5);
  for (let i = 0; i < mb / 5; i++) appendFileSync(path, block);
}

describe('cclink export', () => {
  it('writes the session of this folder to a file named after it, says what to type, and goes over', async () => {
    await laptop.init();
    const run = laptop.terminal(['export']);
    expect(await run.end()).toBe(0);
    expect(run.text).toMatch(
      /Exported session 11111111 “remember the word ZEBRA”, 2 prompts, sealed for yourself: [\d.]+ kB in/,
    );
    expect(run.text).toContain(`cclink import ${NAME}`);
    desk.takeKeyOf(laptop);
    desk.installClaude();
    const file = join(desk.home, 'session.cclink');
    writeFileSync(file, readFileSync(at(NAME)));
    const { session, imported } = readJson(
      (await desk.run(['import', file, '--into', desk.project, '-y', '--json'])).stdout,
    );
    expect(session).toMatchObject({ id: SESSION });
    expect(imported).toMatchObject({ files: 1 });
    const there = join(desk.claudeFolder, 'projects', slugOf(desk.project), `${SESSION}.jsonl`);
    expect(readFileSync(there, 'utf8')).toContain('ZEBRA');
    expect(readFileSync(there, 'utf8')).not.toContain(laptop.project);
  });

  it('prints one JSON value', async () => {
    await laptop.init();
    const { stdout, stderr } = await exported('--json');
    expect(stderr).toBe('');
    const size = readFileSync(at(NAME)).length;
    expect(readJson(stdout)).toEqual({
      session: { id: SESSION, project: laptop.project, host: expect.any(String), title: 'remember the word ZEBRA' },
      file: NAME,
      bytes: size,
      mode: 'self',
      left: expect.arrayContaining([{ what: expect.stringContaining('system prompt'), why: expect.any(String) }]),
      // Nothing is looked for in what is one's own.
      found: null,
      masked: [],
    });
  });

  it('prints it on standard error where standard output is the session', async () => {
    const { stdout, stderr } = await exported('-o', '-', '--recipient', RECIPIENT, '--json');
    expect(stdout.startsWith('age-encryption.org/v1\n')).toBe(true);
    expect(readJson(stderr)).toMatchObject({ file: '-', mode: 'recipient', bytes: expect.any(Number) });
  });

  it('asks before it replaces a file; -y answers, and without a terminal it stops', async () => {
    await laptop.init();
    writeFileSync(at(NAME), 'mine');
    const no = laptop.terminal(['export']);
    await no.answers(/exists\. Replace it\?/, RETURN);
    expect(await no.end()).toBe(130);
    expect(await exported('-o', NAME)).toMatchObject({ code: 2, stderr: expect.stringContaining('-y') });
    expect(readFileSync(at(NAME), 'utf8')).toBe('mine');
    symlinkSync(NAME, at('link.cclink'));
    expect(await exported('-o', 'link.cclink', '-y')).toMatchObject({ code: 0 });
    expect(readFileSync(at(NAME), 'latin1').startsWith('age-encryption.org/v1\n')).toBe(true);
  });

  it('writes into a folder, a pipe, or a device that -o names', async () => {
    mkdirSync(at('out'));
    expect((await exported('-o', 'out', '--recipient', RECIPIENT)).stdout).toBe(`cclink import ${NAME}\n`);
    expect(existsSync(at(`out/${NAME}`))).toBe(true);
    // What is to be typed there must not be an option.
    expect((await exported('-o', './-q', '--recipient', RECIPIENT)).stdout).toBe('cclink import ./-q\n');
    expect((await exported('-o', '/dev/null', '--recipient', RECIPIENT)).code).toBe(0);
    execFileSync('mkfifo', [at('pipe')]);
    const reader = spawn('cat', [at('pipe')]);
    const read = collect(reader.stdout);
    expect((await exported('-o', 'pipe', '--recipient', RECIPIENT)).code).toBe(0);
    expect((await openedWith(await read)).manifest.session).toBe(SESSION);
  });

  it('gives the session to a pipe or a redirection, but not to a terminal', async () => {
    const script = '"$@" export --recipient "$KEY" > out.cclink; "$@" export --recipient "$KEY" | cat > piped.cclink';
    const run = laptop.terminal([], { shell: script, env: { KEY: RECIPIENT } });
    expect(await run.end()).toBe(0);
    for (const name of ['out.cclink', 'piped.cclink']) {
      expect((await openedWith(readFileSync(at(name)))).manifest.session).toBe(SESSION);
    }
    const refused = laptop.terminal(['export', '-o', '-']);
    expect(await refused.end()).toBe(2);
    expect(refused.text).toContain('nothing for a terminal');
  });

  it('ends quietly when the reader of its pipe is gone', async () => {
    makeLarge(4);
    const script = 'set -o pipefail; "$@" export -o - --recipient "$KEY" | head -c 100 > piped; echo "ended $?"';
    const run = laptop.terminal([], { shell: script, env: { KEY: RECIPIENT }, with: '/bin/bash' });
    expect(await run.end()).toBe(0);
    // On a slow machine the progress was shown, and is cleared.
    expect(run.raw).toMatch(/(?:^|\n|\u001b\[K)ended 0\s*$/);
    expect(run.text).not.toContain('Error');
  });

  it('shows how far it is, and leaves no file behind after Ctrl-C', async () => {
    await laptop.init();
    makeLarge(80);
    const run = laptop.terminal(['export', '-o', 'large.cclink']);
    await run.sees(/Exporting … [\d.]+ (k|M)B of 8\d MB, \d+ MB\/s, \d+ seconds? left/);
    while (!readdirSync(laptop.project).some((name) => name.startsWith('~')))
      await new Promise((done) => setTimeout(done, 5));
    run.type(CTRL_C);
    expect(await run.end()).toBe(130);
    expect(run.text).toContain('nothing was written');
    expect(readdirSync(laptop.project)).toEqual([]);
  });

  it('takes what is in CCLINK_PIN', async () => {
    await laptop.init();
    const pin = 'a-long-enough-pin';
    const env = { CCLINK_PIN: pin };
    expect(await laptop.run(['export', '--pin', '-o', 'pin.cclink'], { env })).toMatchObject({ code: 0 });
    const plain = openStream(chunked(readFileSync(at('pin.cclink'))), { passphrase: async () => Buffer.from(pin) });
    expect((await collect(plain)).length).toBeGreaterThan(1000);
    const weak = await laptop.run(['export', '--pin', '-y'], { env: { CCLINK_PIN: '12345678' } });
    expect(weak).toMatchObject({ code: 2, stderr: expect.stringContaining('gets hold of the file') });
  });

  it('asks at the terminal for a PIN', async () => {
    await laptop.init();
    const run = laptop.terminal(['export', '--pin', '-o', 'pin.cclink']);
    await run.answers(/PIN \(Return makes one/, RETURN);
    expect(await run.end()).toBe(0);
    expect(run.text).toMatch(/PIN: \w+(-\w+){4}/);
    expect(existsSync(at('pin.cclink'))).toBe(true);
  });

  it('shares with another key, signed with its own', async () => {
    const mine = await laptop.init();
    const theirs = await desk.init();
    const { stdout } = await exported('--share', theirs, '-o', 'share.cclink', '-y', '--json');
    expect(readJson(stdout)).toMatchObject({ mode: 'share' });
    desk.installClaude();
    const file = at('share.cclink');
    expect(await desk.run(['import', file, '--into', desk.project, '-y', '--no-run'])).toMatchObject({ code: 2 });
    const args = ['import', file, '--from', mine, '--into', desk.project, '-y', '--no-run'];
    expect(await desk.run(args)).toMatchObject({ code: 0 });
  });

  it('shows with --dry-run what would leave, needs no key for that, and writes nothing', async () => {
    const { stdout, code } = await exported('--dry-run', '-o', 'session.cclink');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /Nothing was written[\s\S]*2 prompts, 1 file, \d+ kB before[\s\S]*Left out +.*system prompt/,
    );
    expect(readJson((await exported('--dry-run', '--json')).stdout)).toMatchObject({
      dryRun: true,
      file: NAME,
      files: [{ name: 'session.jsonl', bytes: expect.any(Number) }],
    });
    expect(readdirSync(laptop.project)).toEqual([]);
  });

  it('leaves out what Claude thought if told to', async () => {
    const [transcript = ''] = readdirSync(laptop.claudeFolder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith(`${SESSION}.jsonl`),
    );
    const thought = {
      type: 'assistant',
      uuid: '33333333-3333-4333-8333-333333333333',
      parentUuid: null,
      timestamp: new Date().toISOString(),
      message: { role: 'assistant', content: [{ type: 'thinking', thinking: 'PENGUIN', signature: 'c2lnbmVk' }] },
    };
    appendFileSync(join(laptop.claudeFolder, transcript), `${JSON.stringify(thought)}\n`);
    const textOf = async (...args: string[]) => {
      await exported('--recipient', RECIPIENT, '-y', '-o', 'session.cclink', ...args);
      return `${(await openedWith(readFileSync(at('session.cclink')))).files.get('session.jsonl')}`;
    };
    expect(await textOf()).toContain('PENGUIN');
    expect(await textOf('--without-thinking')).not.toContain('PENGUIN');
  });

  it('takes the memory of the project only if told to', async () => {
    const memory = join(laptop.claudeFolder, 'projects', slugOf(laptop.project), 'memory');
    mkdirSync(memory);
    writeFileSync(join(memory, 'notes.md'), 'remember');
    const names = async (...args: string[]) => {
      expect(await exported('--recipient', RECIPIENT, '-y', '-o', 'session.cclink', ...args)).toMatchObject({
        code: 0,
      });
      return [...(await openedWith(readFileSync(at('session.cclink')))).files.keys()];
    };
    expect(await names()).toEqual(['session.jsonl']);
    expect(await names('--with', 'memory')).toEqual(['session.jsonl', 'memory/notes.md']);
    expect(await exported('--with', 'everything')).toMatchObject({ code: 2 });
  });

  it('says what of git stays here', async () => {
    await laptop.init();
    const git = (...args: string[]) => execFileSync('git', ['-C', laptop.project, ...args], { stdio: 'ignore' });
    git('init', '--initial-branch=main');
    git('remote', 'add', 'origin', 'https://alice:secret@example.com/team/app.git');
    git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--allow-empty', '-m', 'first');
    writeFileSync(at('new'), '');
    const run = await exported('-o', join(laptop.home, 'session.cclink'));
    expect(run.stderr).toContain('Of its git repository, this stays here: 1 changed file and 1 commit not pushed.');
    expect(run.stderr).not.toContain('keep it out of a commit');
    expect((await exported('-o', 'session.cclink')).stderr).toContain('keep it out of a commit');
    const recipient = await exported('-o', join(laptop.home, 'other.cclink'), '--recipient', RECIPIENT);
    expect(recipient.code).toBe(0);
    const { manifest } = await openedWith(readFileSync(join(laptop.home, 'other.cclink')));
    expect(manifest.git).toMatchObject({
      remote: 'https://example.com/team/app.git',
      branch: 'main',
      unpushedCommits: 1,
    });
    expect(JSON.stringify(manifest)).not.toContain('secret');
  });
});

describe('cclink export --recipient', () => {
  it('needs no key pair, no terminal and no answer, and signs nothing', async () => {
    const { code, stdout } = await exported(SESSION, '-o', 'session.cclink', '--recipient', RECIPIENT);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'cclink import session.cclink\n' });
    expect(existsSync(join(laptop.home, '.pubky'))).toBe(false);
    const { manifest, signer } = await openedWith(readFileSync(at('session.cclink')));
    expect(signer).toBeNull();
    expect(manifest).toMatchObject({ from: null, audience: { mode: 'recipient', recipient: RECIPIENT } });
  });

  it('refuses what is no age recipient before it reads anything', async () => {
    rmSync(laptop.claudeFolder, { recursive: true });
    expect(await exported('--recipient', 'ssh-ed25519 AAAA')).toMatchObject({ code: 2 });
    expect(await exported('--recipient', RECIPIENT, '--pin')).toMatchObject({ code: 2 });
  });
});

describe('what no export takes along', () => {
  it.each(['link', 'hard link'])('is credentials behind a %s in the session’s own folder', async (kind) => {
    const secret = 'sk-ant-oat01-made-up';
    const credentials = join(laptop.claudeFolder, '.credentials.json');
    writeFileSync(credentials, JSON.stringify({ claudeAiOauth: { accessToken: secret } }));
    const folder = join(laptop.claudeFolder, 'projects', slugOf(laptop.project), SESSION, 'tool-results');
    mkdirSync(folder, { recursive: true });
    execFileSync('ln', [...(kind === 'link' ? ['-s'] : []), credentials, join(folder, 'result.txt')]);
    const { code, stderr } = await exported('-o', 'session.cclink', '--recipient', RECIPIENT, '-v');
    expect(code).toBe(0);
    expect(stderr).toMatch(/result\.txt/);
    const { files } = await openedWith(readFileSync(at('session.cclink')));
    expect([...files.values()].join()).not.toContain(secret);
  });

  it('is anything that a model asks for', async () => {
    await laptop.init();
    const env = { CLAUDECODE: '1', CLAUDE_CODE_SESSION_ID: SESSION };
    const ran = await laptop.run(['export', '-y', '-o', 'session.cclink'], { env });
    expect(ran).toMatchObject({
      code: 5,
      stderr: expect.stringContaining(`cclink export -y -o session.cclink ${SESSION}`),
    });
    expect(readdirSync(laptop.project)).toEqual([]);
    const recipient = await laptop.run(['export', '-y', '--recipient', RECIPIENT], { env });
    expect(recipient).toMatchObject({ code: 5, stdout: '' });
  });
});

it('says that there is no session, or not the one that was asked for', async () => {
  rmSync(laptop.claudeFolder, { recursive: true });
  expect(await exported('--recipient', RECIPIENT)).toMatchObject({ code: 7 });
  expect(await exported(SESSION, '--recipient', RECIPIENT)).toMatchObject({ code: 7 });
  expect(await exported('nonsense')).toMatchObject({ code: 2 });
  expect(await exported('-o', '')).toMatchObject({ code: 2 });
});
