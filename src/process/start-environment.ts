import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * Takes variables out of the environment that this process was started with. Returns their values as bytes,
 * which the caller wipes: Node gives a variable as a string, which stays in memory.
 *
 * The system shows that environment to other programs of the user, in /proc/<pid>/environ, even after a
 * process has removed a variable for itself and its children. So it is overwritten there.
 *
 * Takes nothing where the system isn't Linux, or doesn't allow it.
 */
export function takeFromStart(names: readonly string[]): ReadonlyMap<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  if (process.platform !== 'linux') return values;
  try {
    const variables = readFileSync('/proc/self/environ');
    const start = addressOfEnvironment();
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      for (const { name, offset, length } of placesOf(names, variables)) {
        const value = variables.subarray(offset + name.length + 1, offset + length);
        if (!values.has(name)) values.set(name, Uint8Array.from(value));
        writeSync(memory, Buffer.alloc(length), 0, length, start + offset);
      }
    } finally {
      closeSync(memory);
      variables.fill(0);
    }
  } catch {
    // Where /proc is missing or closed to us, nobody else reads it either, or nothing can be done about it.
  }
  return values;
}

/** Where `NAME=value` stands in a block of variables that end with NUL. */
function placesOf(names: readonly string[], variables: Buffer): { name: string; offset: number; length: number }[] {
  const places = [];
  for (let offset = 0; offset < variables.length; ) {
    const end = variables.indexOf(0, offset);
    const length = (end === -1 ? variables.length : end) - offset;
    const name = names.find((each) => variables.subarray(offset, offset + length).indexOf(`${each}=`) === 0);
    if (name !== undefined) places.push({ name, offset, length });
    offset += length + 1;
  }
  return places;
}

/** `env_start` of proc(5). The second field of the file is a name in brackets, which may hold anything. */
function addressOfEnvironment(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[47]);
}
