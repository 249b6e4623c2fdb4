import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure.ts';
import { exportOverSsh, parseSshHost, remoteCommand, type SshRequest } from '../../src/travel/ssh.ts';
import { sessionId } from '../support/claude-folder.ts';
import { itIn, SHELLS } from '../support/shells.ts';
import {
  describeWithSsh,
  installSsh,
  isCclinkInstalled,
  type SshServer,
  startSshServer,
} from '../support/ssh-server.ts';
import { makeTemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const SESSION = sessionId(7);

describe('the name of a host', () => {
  it.each(['desk', 'desk.example.org', 'alice@desk', 'a_b-c.d', '192.168.0.7', 'D'])('may be %s', (name) => {
    expect(parseSshHost(name)).toBe(name);
  });

  it.each([
    '-oProxyCommand=id',
    '-',
    '',
    'a b',
    'desk;id',
    '$(id)',
    'alice@-desk',
    '-l@desk',
    'a@b@c',
    "x'y",
    'desk\nid',
    'ssh://desk:22',
    'x'.repeat(300),
  ])('can not be %s', (name) => {
    expect(() => parseSshHost(name)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

describe('what is asked of a host', () => {
  for (const shell of Object.keys(SHELLS)) {
    itIn(shell)(`is understood by ${shell}`, () => {
      const home = temporaryFolder();
      mkdirSync(join(home, '.local/bin'), { recursive: true });
      writeFileSync(join(home, '.local/bin/cclink'), '#!/bin/sh\nprintf "<%s>" "$@"\n', { mode: 0o755 });
      const env = { HOME: home, PATH: '/usr/bin:/bin' };
      const { stdout, status } = spawnSync(shell, ['-c', remoteCommand(SESSION, 'age1x')], { env, encoding: 'utf8' });
      expect([stdout, status]).toEqual([`<export><${SESSION}><-o><-><--recipient><age1x><--no-mask><--quiet>`, 0]);
    });
  }

  it('is nothing but a session id', () => {
    const request = { host: 'desk', session: "x'; id #", variables: {}, home: '/', canAsk: false, says: () => {} };
    expect(() => exportOverSsh(request)).toThrow(TypeError);
  });
});

describeWithSsh('a session over ssh', () => {
  let root: string;
  let far: string;
  let server: SshServer;
  let said: string[];

  beforeAll(async () => {
    root = makeTemporaryFolder();
    far = join(root, 'far');
    mkdirSync(join(root, 'bin'));
    server = await startSshServer(join(root, 'sshd'), { HOME: far, PATH: `${join(far, 'bin')}:/usr/bin:/bin` });
    installSsh(join(root, 'bin'), server);
  });
  afterAll(async () => {
    await server.close();
    rmSync(root, { recursive: true, force: true });
  });
  beforeEach(() => {
    rmSync(far, { recursive: true, force: true });
    mkdirSync(far);
    said = [];
  });

  /** Puts a stand-in for cclink on the other machine. */
  function install(script: string, folder = 'bin'): void {
    mkdirSync(join(far, folder), { recursive: true });
    writeFileSync(join(far, folder, 'cclink'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(far, folder, 'cclink'), 0o755);
  }

  function ask(request: Partial<SshRequest> = {}) {
    const variables = { ...process.env, PATH: [join(root, 'bin'), process.env['PATH']].join(delimiter) };
    const says = (line: string) => void said.push(line);
    return exportOverSsh({ host: 'desk', session: SESSION, variables, home: root, canAsk: false, says, ...request });
  }

  async function textOf(source: AsyncIterable<Buffer>): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of source) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  const failureOf = (source: AsyncIterable<Buffer>) =>
    textOf(source).then(
      () => null,
      (error: unknown) => (error instanceof Failure ? error : null),
    );

  it.each(['bin', '.local/bin'])(
    'is exported by the cclink that is there in %s, for a key of this run',
    async (folder) => {
      install('echo "age-encryption.org/v1"; for word in "$@"; do echo "$word"; done', folder);
      const ssh = ask();
      const words = (await textOf(ssh.source)).trimEnd().split('\n').slice(1);
      expect(words).toEqual(['export', SESSION, '-o', '-', '--recipient', ssh.recipient, '--no-mask', '--quiet']);
      expect(ssh.recipient).toMatch(/^age1[0-9a-z]{58}$/);
      ssh.close();
      expect(ask().recipient).not.toBe(ssh.recipient);
    },
  );

  it('comes to its last byte, however large it is', async () => {
    install('echo "age-encryption.org/v1"; head -c 5000000 /dev/zero');
    const ssh = ask();
    expect((await textOf(ssh.source)).length).toBe(5_000_022);
    ssh.close();
  });

  it('begins where the age file does, whatever the shell there prints first', async () => {
    writeFileSync(join(far, '.bashrc'), 'echo Welcome back\n');
    install('echo "age-encryption.org/v1"; echo sealed');
    const ssh = ask();
    expect(await textOf(ssh.source)).toBe('age-encryption.org/v1\nsealed\n');
    ssh.close();
  });

  it('fails in the words of ssh where the host does not answer', async () => {
    const failure = await failureOf(ask({ host: 'nowhere' }).source);
    expect(failure).toMatchObject({
      code: 'network',
      message: expect.stringMatching(/^ssh nowhere failed: .*refused/),
    });
    expect(said).toEqual([]);
  });

  it.skipIf(isCclinkInstalled)('says where there is no cclink', async () => {
    const failure = await failureOf(ask().source);
    expect(failure).toMatchObject({ code: 'network', message: expect.stringMatching(/desk has no cclink/) });
  });

  it.each([
    [7, 'no-session'],
    [2, 'network'],
  ] as const)('fails in the words of the cclink there, which ended with %d', async (exit, code) => {
    install(`echo "Error: it is not here." >&2; exit ${exit}`);
    const failure = await failureOf(ask().source);
    expect(failure).toMatchObject({ code, message: expect.stringContaining('Error: it is not here.') });
  });

  it('fails where it ends before its end', async () => {
    install('echo "age-encryption.org/v1"; echo half; kill -9 $$');
    expect(await failureOf(ask().source)).toMatchObject({ code: 'network' });
  });

  it('passes on what is said meanwhile, a line at a time', async () => {
    install('echo "age-encryption.org/v1"; echo "Touch your key" >&2; echo "now" >&2; sleep 2; echo sealed');
    const ssh = ask();
    await textOf(ssh.source);
    ssh.close();
    expect(said).toEqual(['Touch your key', 'now']);
  });

  it('ends ssh when nobody wants it any more', async () => {
    install(`echo $PPID > "${join(far, 'pid')}"; echo "age-encryption.org/v1"; while :; do echo more || exit 1; done`);
    const ssh = ask();
    for await (const _ of ssh.source) break;
    ssh.close();
    for (let tries = 0; tries < 100 && existsSync(`/proc/${readFileSync(join(far, 'pid'), 'utf8').trim()}`); tries++) {
      await sleep(50);
    }
    expect(existsSync(`/proc/${readFileSync(join(far, 'pid'), 'utf8').trim()}`)).toBe(false);
  });

  it('ends although ssh keeps the connection open for the next one', async () => {
    install('echo "age-encryption.org/v1"; echo "a word" >&2; exit 3');
    const shared = join(root, 'shared');
    const path = join(root, 'mux');
    const options = `Host *\nControlMaster auto\nControlPath ${path}\nControlPersist 3\n`;
    writeFileSync(shared, `${readFileSync(server.clientConfig, 'utf8')}${options}`);
    mkdirSync(join(root, 'shared-bin'));
    installSsh(join(root, 'shared-bin'), { ...server, clientConfig: shared });
    const variables = { ...process.env, PATH: `${join(root, 'shared-bin')}${delimiter}${process.env['PATH']}` };
    for (let times = 0; times < 2; times++) {
      const started = performance.now();
      expect(await failureOf(ask({ variables }).source)).toMatchObject({ message: expect.stringContaining('a word') });
      expect(performance.now() - started).toBeLessThan(2500);
      expect(existsSync(path)).toBe(true);
    }
  });

  it('is not asked for by an ssh in the current directory', async () => {
    install('echo "age-encryption.org/v1"');
    const project = join(root, 'project');
    mkdirSync(project);
    writeFileSync(join(project, 'ssh'), `#!/bin/sh\ntouch '${join(project, 'pwned')}'\n`, { mode: 0o755 });
    const before = process.cwd();
    process.chdir(project);
    try {
      const ssh = ask({ variables: { PATH: ['.', join(root, 'bin'), '/usr/bin', '/bin'].join(delimiter) } });
      expect(await textOf(ssh.source)).toBe('age-encryption.org/v1\n');
    } finally {
      process.chdir(before);
    }
    expect(existsSync(join(project, 'pwned'))).toBe(false);
  });

  it('says that there is no ssh here', async () => {
    expect(await failureOf(ask({ variables: { PATH: far } }).source)).toMatchObject({ code: 'network' });
  });
});
