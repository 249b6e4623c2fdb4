import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from '../environment.ts';
import { realPath } from '../files/real-path.ts';
import { quoteForShell } from '../shell-quote.ts';

/** What to type on another machine, so that the key of this one is there too. */
export function lineToFetchKey(environment: Environment): string {
  return `${sshLine(thisMachine(), ['cat', keyFileThere(environment)])} | cclink init --import -`;
}

/** What to type on another machine, so that its key is on this one too. */
export function lineToSendKey(environment: Environment): string {
  const isUsual = keyFileThere(environment) === USUAL_KEY_FILE;
  const words = [
    ...(isUsual ? [] : ['env', `CCLINK_KEY_FILE=${resolve(environment.keyFile)}`]),
    ...programWords(process.execPath, process.argv[1] ?? ''),
    ...['init', '--import', '-'],
  ];
  return `${sshLine(thisMachine(), words)} < ~/${USUAL_KEY_FILE}`;
}

const USUAL_KEY_FILE = '.pubky/secret_key';

/** The key file, as the shell that ssh starts finds it: relative to the home, or by its whole path. */
function keyFileThere({ home, keyFile }: Environment): string {
  return resolve(keyFile) === join(home, USUAL_KEY_FILE) ? USUAL_KEY_FILE : resolve(keyFile);
}

/**
 * This program in a shell that reads no start-up file, as ssh starts it: neither `cclink` nor `node` need be
 * on its PATH. `script` is bin/cclink.cjs, which install.sh put beside a launcher that knows its Node.
 */
export function programWords(node: string, script: string): string[] {
  const program = realPath(script);
  const launcher = join(dirname(program), '../../../bin/cclink');
  const isInstalled = existsSync(join(dirname(program), '../.installed')) && existsSync(launcher);
  return isInstalled ? [launcher] : [node, program];
}

/** A line that runs `words` on `host`, where a shell reads them once more. */
export function sshLine(host: string, words: readonly string[]): string {
  const line = words.map(quoteForShell).join(' ');
  return `ssh ${host} ${line === words.join(' ') ? line : quoteForShell(line)}`;
}

/** `ada@desk`; without the user's name where the system does not know it, as in a container. */
function thisMachine(): string {
  try {
    return quoteForShell(`${userInfo().username}@${hostname()}`);
  } catch {
    return quoteForShell(hostname());
  }
}
