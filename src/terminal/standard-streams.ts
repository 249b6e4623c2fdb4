import { fstatSync, statSync } from 'node:fs';

/** What Node's streams over a terminal or a pipe have; not those over a file. */
interface Blockable {
  readonly _handle?: { setBlocking?(isBlocking: boolean): void } | null;
}

/**
 * Makes reading and writing on the standard streams wait again, as programs expect. Node has set O_NONBLOCK,
 * which belongs to the terminal or pipe and not to this process: the next program (`claude`) would find it
 * set, and its reads fail with EAGAIN. A child process of Node gets it cleared; a program that replaces it
 * does not.
 */
export function makeStandardStreamsBlocking(): void {
  for (const stream of [process.stdin, process.stdout, process.stderr] as Blockable[]) {
    stream._handle?.setBlocking?.(true);
  }
}

/** Devices that keep nothing. Node puts the first in place of a standard stream that was closed. */
const SINKS = ['/dev/null', '/dev/full'];

/** True if standard output keeps nothing: it is closed, or leads to such a device. */
export function isStandardOutputLost(): boolean {
  try {
    const output = fstatSync(1);
    return output.isCharacterDevice() && SINKS.some((sink) => isDevice(sink, output.rdev));
  } catch {
    return process.platform !== 'win32';
  }
}

function isDevice(path: string, rdev: number): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isCharacterDevice() === true && stat.rdev === rdev;
}
