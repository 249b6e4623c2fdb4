import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * Overwrites variables in the environment that this process was started with. The system shows that one to
 * other programs of the user, in /proc/<pid>/environ, even after a process has removed a variable for itself
 * and its children. Also they must not be read in this process afterwards.
 *
 * Does nothing where the system isn't Linux, or doesn't allow it.
 */
export function wipeFromStart(names: readonly string[]): void {
  if (process.platform !== 'linux') return;
  try {
    const variables = readFileSync('/proc/self/environ');
    const start = addressOfEnvironment();
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      for (const { offset, length } of placesOf(names, variables)) {
        writeSync(memory, Buffer.alloc(length), 0, length, start + offset);
      }
    } finally {
      closeSync(memory);
      variables.fill(0);
    }
  } catch {
    // Where /proc is missing or closed to us, nobody else reads it either, or nothing can be done about it.
  }
}

/** Where `NAME=value` stands in a block of variables that end with NUL. */
function placesOf(names: readonly string[], variables: Buffer): { offset: number; length: number }[] {
  const places = [];
  for (let offset = 0; offset < variables.length; ) {
    const end = variables.indexOf(0, offset);
    const length = (end === -1 ? variables.length : end) - offset;
    const equals = variables.indexOf('=', offset);
    if (names.includes(variables.toString('latin1', offset, equals))) places.push({ offset, length });
    offset += length + 1;
  }
  return places;
}

/** `env_start` of proc(5). The second field of the file is a name in brackets, which may hold anything. */
function addressOfEnvironment(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[47]);
}
