import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Root may create a network namespace; others may in a user namespace. */
const UNSHARE = process.getuid?.() === 0 ? ['-n'] : ['-r', '-n'];
/** In a network namespace, makes every IPv4 address this machine's, so that nothing leaves it. */
const ALL_ADDRESSES = 'PATH="$PATH:/usr/sbin:/sbin" && ip link set lo up && ip route add local 0.0.0.0/0 dev lo';
const TSX = import.meta.resolve('tsx');

const statusOf = (...command: string[]) => spawnSync('unshare', [...UNSHARE, ...command]).status;

/** True if this process may create a network namespace. Tests that need public addresses require it. */
export const canHavePublicAddresses = process.platform === 'linux' && isAllowed();

function isAllowed(): boolean {
  const works = statusOf('sh', '-c', ALL_ADDRESSES) === 0;
  // In CI, only a refusal by the system (exit code 1) is an excuse; a missing program must show as a failure.
  return works || (process.env['CI'] !== undefined && statusOf('true') !== 1);
}

/**
 * Runs a program in a network namespace where it can bind every IPv4 address. Returns the JSON it printed.
 *
 * Rejects, with its error output, if it fails or takes longer than 15 s.
 */
export async function runOnPublicAddresses<T>(program: string, ...args: string[]): Promise<T> {
  const inside = ['sh', '-c', `${ALL_ADDRESSES} && exec "$@"`, 'sh', program, ...args];
  const { stdout } = await promisify(execFile)('unshare', [...UNSHARE, ...inside], { timeout: 15_000 });
  return JSON.parse(stdout) as T;
}

/** The same for a TypeScript file. */
export function scriptOnPublicAddresses<T>(script: URL, ...args: string[]): Promise<T> {
  return runOnPublicAddresses(process.execPath, '--import', TSX, fileURLToPath(script), ...args);
}
