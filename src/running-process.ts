import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

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
 * When process `pid` started, in Unix milliseconds; null where the system doesn't tell (all but Linux). Wrong
 * by as much as the clock was set since the system started.
 */
export function startTimeOf(pid: number): number | null {
  const ticks = Number(startOf(pid) ?? Number.NaN);
  // A clock tick is a hundredth of a second wherever Node runs.
  return Number.isNaN(ticks) ? null : Date.now() - 1000 * uptime() + 10 * ticks;
}

/** The process `pid` and those above it, itself first; only itself where the system doesn't tell. */
export function lineageOf(pid: number): number[] {
  const lineage = [pid];
  for (let parent = parentOf(pid); parent > 1 && !lineage.includes(parent); parent = parentOf(parent)) {
    lineage.push(parent);
  }
  return lineage;
}

function parentOf(pid: number): number {
  return Number(statOf(pid)?.[1] ?? 0);
}

/**
 * What tells this machine from another of the same name (machine-id(5)); null where the system doesn't tell.
 */
function machineId(): string | null {
  return process.platform === 'linux' ? readIfThere('/etc/machine-id')?.trim() || null : null;
}

/** What tells one start of this system from the next; null where the system doesn't tell (all but Linux). */
function bootId(): string | null {
  return process.platform === 'linux' ? readIfThere('/proc/sys/kernel/random/boot_id')?.trim() || null : null;
}

/**
 * Within what process ids are counted: a container has its own. Null where the system doesn't tell (all but
 * Linux).
 */
function pidNamespace(): string | null {
  try {
    return process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : null;
  } catch {
    return null;
  }
}

/** What tells a process from every other one, also from those of another host with the same home. */
export interface ProcessMark {
  readonly host: string;
  readonly machineId: string | null;
  readonly pidNamespace: string | null;
  readonly bootId: string | null;
  readonly pid: number;
  readonly start: string | null;
}

/** The mark of this process. */
export function markOfThisProcess(): ProcessMark {
  return {
    host: hostname(),
    machineId: machineId(),
    pidNamespace: pidNamespace(),
    bootId: bootId(),
    pid: process.pid,
    start: startOf(process.pid),
  };
}

/** A mark that was read from a file; null if it is not whole. */
export function parseProcessMark(value: unknown): ProcessMark | null {
  if (typeof value !== 'object' || value === null) return null;
  const { host, machineId, pidNamespace, bootId, pid, start } = value as Record<string, unknown>;
  const isTextOrNull = (text: unknown): text is string | null => text === null || typeof text === 'string';
  if (typeof host !== 'string' || typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  if (!isTextOrNull(machineId) || !isTextOrNull(pidNamespace) || !isTextOrNull(bootId)) return null;
  return isTextOrNull(start) ? { host, machineId, pidNamespace, bootId, pid, start } : null;
}

/**
 * True if the process of a mark that was made `ageMs` ago has ended. False also if this machine can't tell,
 * as for a process on another host or in another container.
 */
export function hasProcessEnded(mark: ProcessMark, ageMs: number): boolean {
  if (mark.host !== hostname() || mark.machineId !== machineId()) return false;
  const boot = bootId();
  if (boot !== null && mark.bootId !== null) {
    if (boot !== mark.bootId) return true;
  } else if (ageMs > 1000 * uptime()) return true;
  if (mark.pidNamespace !== pidNamespace()) return false;
  if (!isRunning(mark.pid)) return true;
  const start = startOf(mark.pid);
  return start !== null && start !== mark.start;
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
