import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { secretBytes } from '../secret-bytes.ts';

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
    const variables = readEnvironment();
    const start = addressOfEnvironment();
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      for (const { name, offset, length } of placesOf(names, variables)) {
        const value = variables.subarray(offset + name.length + 1, offset + length);
        if (!values.has(name)) values.set(name, secretBytes(value));
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

const PIECE_BYTES = 64 * 1024;

/**
 * The environment that this process was started with, to be wiped. Not by `readFileSync`: of a file whose
 * size is not known it keeps the pieces that it read, and they stay in memory for a while.
 */
function readEnvironment(): Buffer {
  const file = openSync('/proc/self/environ', 'r');
  try {
    let bytes = Buffer.alloc(PIECE_BYTES);
    let length = 0;
    for (let read = -1; read !== 0; length += read) {
      if (length === bytes.length) {
        const larger = Buffer.alloc(2 * length);
        bytes.copy(larger);
        bytes.fill(0);
        bytes = larger;
      }
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
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
