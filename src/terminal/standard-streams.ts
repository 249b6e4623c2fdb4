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
