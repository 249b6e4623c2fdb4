import { readFileSync, readlinkSync } from 'node:fs';

/** True if process `pid` runs, no matter whose it is. One that has ended and waits to be reaped does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return statOf(pid)?.[0] !== 'Z';
}

/**
 * When process `pid` started, in clock ticks since boot; null where the system doesn't tell (all but Linux).
 */
export function startOf(pid: number): string | null {
  return statOf(pid)?.[19] ?? null;
}

/**
 * What tells this machine from another of the same name (machine-id(5)); null where the system doesn't tell.
 */
export function machineId(): string | null {
  return process.platform === 'linux' ? readIfThere('/etc/machine-id')?.trim() || null : null;
}

/** What tells one start of this system from the next; null where the system doesn't tell (all but Linux). */
export function bootId(): string | null {
  return process.platform === 'linux' ? readIfThere('/proc/sys/kernel/random/boot_id')?.trim() || null : null;
}

/**
 * Within what process ids are counted: a container has its own. Null where the system doesn't tell (all but
 * Linux).
 */
export function pidNamespace(): string | null {
  try {
    return process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : null;
  } catch {
    return null;
  }
}

/** The fields of /proc/<pid>/stat from the third on, the state (proc(5)). */
function statOf(pid: number): string[] | null {
  const stat = process.platform === 'linux' ? readIfThere(`/proc/${pid}/stat`) : null;
  // The second field is the program's name in brackets, which may hold anything.
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
