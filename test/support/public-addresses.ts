import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A network of its own is allowed to root, and to others in a user namespace. */
const UNSHARE = process.getuid?.() === 0 ? ['-n'] : ['-r', '-n'];
/** In a network namespace of its own: every IPv4 address is this machine's, and leads nowhere else. */
const ALL_ADDRESSES = 'PATH="$PATH:/usr/sbin:/sbin" && ip link set lo up && ip route add local 0.0.0.0/0 dev lo';
const TSX = import.meta.resolve('tsx');

const statusOf = (...command: string[]) => spawnSync('unshare', [...UNSHARE, ...command]).status;

/** True if this process may have a network of its own. Where it may not, what depends on public addresses can't be tested. */
export const canHavePublicAddresses = process.platform === 'linux' && isAllowed();

function isAllowed(): boolean {
  const works = statusOf('sh', '-c', ALL_ADDRESSES) === 0;
  // Where CI is set only the system's refusal is an excuse, which is exit code 1: a program that is missing must show.
  return works || (process.env['CI'] !== undefined && statusOf('true') !== 1);
}

/**
 * Runs a program in a network namespace of its own, where it can bind every IPv4 address, and returns the JSON that it printed.
 *
 * Rejects, with what it complained about, if it fails or takes longer than 15 s.
 */
export async function runOnPublicAddresses<T>(program: string, ...args: string[]): Promise<T> {
  const inside = ['sh', '-c', `${ALL_ADDRESSES} && exec "$@"`, 'sh', program, ...args];
  const { stdout } = await promisify(execFile)('unshare', [...UNSHARE, ...inside], { timeout: 15_000 });
  return JSON.parse(stdout) as T;
}

/** Runs a TypeScript file so. */
export function scriptOnPublicAddresses<T>(script: URL, ...args: string[]): Promise<T> {
  return runOnPublicAddresses(process.execPath, '--import', TSX, fileURLToPath(script), ...args);
}
