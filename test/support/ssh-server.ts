import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import type { Machine } from './machine.ts';

const SSHD = '/usr/sbin/sshd';
const PROGRAM = fileURLToPath(new URL('../../bin/cclink.cjs', import.meta.url));

/**
 * Whether the tests called `name` can have an ssh server. If not, a line says that they are skipped; in CI
 * they fail.
 */
export function hasSshServer(name: string): boolean {
  if (process.platform === 'linux' && existsSync(SSHD)) return true;
  if (process.env['CI'] && process.platform === 'linux')
    throw new Error('There is no sshd here: CONTRIBUTING.md says what the tests need.');
  console.warn(`Skipped, because there is no sshd here: ${name}`);
  return false;
}

/** `describe` for tests that need an ssh server. */
export function describeWithSsh(name: string, tests: () => void): void {
  if (hasSshServer(name)) describe(name, tests);
  else describe.skip(name, tests);
}

/** A real sshd on loopback, for the user who runs the tests, with keys and a configuration of its own. */
export interface SshServer {
  /** What ssh is given with `-F`: it knows the server by its name, and logs in without a question. */
  readonly clientConfig: string;
  /** Stops the server and every connection. */
  close(): Promise<void>;
}

/**
 * Starts a server with its files in `folder`, to be called `name`. Programs that it runs get `variables` too,
 * `HOME` among them.
 */
export async function startSshServer(
  folder: string,
  variables: Record<string, string>,
  name = 'desk',
): Promise<SshServer> {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  for (const key of ['host', 'user']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
  }
  const environment = Object.entries(variables).map(([key, value]) => `environment="${key}=${value}"`);
  const publicKey = readFileSync(join(folder, 'user.pub'), 'utf8');
  writeFileSync(join(folder, 'authorized'), `${environment.join(',')} ${publicKey}`);
  // As root, sshd wants the folder that the system makes for it when it starts.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  const config = {
    Port: `${port}`,
    ListenAddress: '127.0.0.1',
    HostKey: join(folder, 'host'),
    AuthorizedKeysFile: join(folder, 'authorized'),
    PidFile: 'none',
    StrictModes: 'no',
    UsePAM: 'no',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    PermitUserEnvironment: 'yes',
    PermitRootLogin: 'prohibit-password',
  };
  const options = Object.entries(config).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const server = spawn(SSHD, ['-D', '-e', '-f', '/dev/null', ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  // Whatever becomes of the test: a server would run on.
  const kill = () => server.kill();
  process.once('exit', kill);
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = once(server, 'exit');
  await untilItListens(port, () => (server.exitCode === null ? null : `sshd ended: ${log}`));
  const host = readFileSync(join(folder, 'host.pub'), 'utf8');
  writeFileSync(join(folder, 'known'), `[127.0.0.1]:${port} ${host}`);
  const clientConfig = join(folder, 'config');
  writeFileSync(
    clientConfig,
    [
      `Host ${name}`,
      'HostName 127.0.0.1',
      `Port ${port}`,
      `User ${userInfo().username}`,
      `IdentityFile ${join(folder, 'user')}`,
      'IdentitiesOnly yes',
      `UserKnownHostsFile ${join(folder, 'known')}`,
      'StrictHostKeyChecking yes',
      'Host nowhere',
      'HostName 127.0.0.1',
      'Port 1',
      '',
    ].join('\n'),
  );
  return {
    clientConfig,
    async close() {
      server.kill();
      await ended;
      process.off('exit', kill);
    },
  };
}

/** Puts an `ssh` into a folder of PATH that reads `server`'s configuration in place of the user's own. */
export function installSsh(folder: string, { clientConfig }: SshServer): void {
  const path = join(folder, 'ssh');
  writeFileSync(path, `#!/bin/sh\nexec /usr/bin/ssh -F '${clientConfig}' "$@"\n`);
  chmodSync(path, 0o755);
}

/** Puts the built cclink where its installer puts it below `home`. It works as if on the machine `other`. */
export function installCclink(home: string, other: Machine): void {
  const launcher = join(home, '.local/bin/cclink');
  mkdirSync(dirname(launcher), { recursive: true });
  writeFileSync(launcher, `#!/bin/sh\nHOME='${other.home}' exec '${process.execPath}' '${PROGRAM}' "$@"\n`);
  chmodSync(launcher, 0o755);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function untilItListens(port: number, failure: () => string | null): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const reason = failure();
    if (reason !== null) throw new Error(reason);
    const socket = connect(port, '127.0.0.1');
    const isUp = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isUp) return;
    await sleep(25);
  }
  throw new Error('sshd does not listen');
}

/** True if every machine here has a cclink, so that none can be without it. */
export const isCclinkInstalled = ['/usr/local/bin', '/opt/homebrew/bin'].some((folder) =>
  existsSync(join(folder, 'cclink')),
);
