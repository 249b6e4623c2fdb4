import { accessSync, constants, fstatSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, posix } from 'node:path';
import { realPath } from '../files/real-path.ts';
import { readAt, withRegularFile } from '../files/regular-file.ts';

/** What can be told of a program without starting it. */
export type ProgramFile =
  /** The kernel will run it. */
  | { readonly kind: 'kernel' }
  /** A script without `#!`: a shell will run it, as execvp(3) does. */
  | { readonly kind: 'shell' }
  /** Only a try can tell. */
  | { readonly kind: 'unknown' }
  /** It can't run. `reason` continues a sentence: `it is empty`. */
  | { readonly kind: 'broken'; readonly reason: string };

/** How much of a script the kernel looks at, in bytes. */
const SHEBANG_BYTES = 256;
const SHEBANG = /^#![ \t]*([^ \t\n]+)[ \t]*([^\n]*)/;
/** How many scripts Linux lets interpret one another. */
const MOST_INTERPRETERS = 4;
/** `e_machine` of ELF files for the processors that Node runs on (elf.h). */
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183, ia32: 3, arm: 40, ppc64: 21, s390x: 22 };
/** How native programs of macOS begin: for one processor, or for several (mach-o/loader.h, mach-o/fat.h). */
const MACH_O = ['cffaedfe', 'cafebabe'];

/**
 * What becomes of an attempt to start the program at `path`. `env` is its environment, whose `PATH` a
 * `#!/usr/bin/env` searches. On Windows always `unknown`, unless it is no file.
 */
export function inspectProgram(path: string, env: NodeJS.ProcessEnv): ProgramFile {
  const obstacle = whyNotExecutable(path);
  if (obstacle !== null) return broken(`it ${obstacle}`);
  if (process.platform === 'win32') return { kind: 'unknown' };
  const start = withRegularFile(realPath(path), (file) => readAt(file, 0, SHEBANG_BYTES));
  if (start === null) return { kind: 'unknown' };
  if (start.length === 0) return broken('it is empty');
  if (isScript(start)) return inspectScript(start.toString('latin1'), env);
  if (!start.includes(0)) return { kind: 'shell' };
  if (process.platform === 'linux') return inspectElf(realPath(path), start);
  return { kind: MACH_O.includes(start.toString('hex', 0, 4)) ? 'kernel' : 'unknown' };
}

function inspectScript(start: string, env: NodeJS.ProcessEnv): ProgramFile {
  const [, interpreter, argument = ''] = SHEBANG.exec(start) ?? [];
  if (interpreter === undefined) return { kind: 'shell' };
  const obstacle = whyNotInterpreter(interpreter);
  if (obstacle !== null) return broken(`its interpreter ${interpreter} ${obstacle}`);
  if (basename(interpreter) !== 'env') return { kind: 'kernel' };
  // The kernel passes all that follows as one argument, which only -S splits into words.
  const words = argument.startsWith('-S') ? argument.slice(2).trim().split(/\s+/) : [argument.replace(/[ \t]+$/, '')];
  const name = words.find((word) => !word.startsWith('-') && !word.includes('='));
  if (name === undefined || name === '' || name.includes('/') || isOnPath(name, env)) return { kind: 'kernel' };
  return broken(`${name}, which runs it, is not on your PATH`);
}

const isScript = (start: Buffer) => start.toString('latin1', 0, 2) === '#!';

/** Why the kernel won't run scripts with an interpreter, which may be a script itself; null if it may. */
function whyNotInterpreter(path: string, depth = 1): string | null {
  const obstacle = whyNotExecutable(path);
  if (obstacle !== null) return obstacle;
  const start = withRegularFile(realPath(path), (file) => readAt(file, 0, SHEBANG_BYTES));
  if (start === null || !isScript(start)) return null;
  const [, next = ''] = SHEBANG.exec(start.toString('latin1')) ?? [];
  if (depth === MOST_INTERPRETERS || next === '') return 'is a script that cannot run';
  const reason = whyNotInterpreter(next, depth + 1);
  return reason === null ? null : `needs ${next}, which ${reason}`;
}

/** A native program of Linux (elf(5)). */
function inspectElf(path: string, start: Buffer): ProgramFile {
  // An emulator may run a program for another processor.
  if (start.toString('latin1', 0, 4) !== '\u007fELF' || start.length < 64) return { kind: 'unknown' };
  if (start.readUInt16LE(18) !== MACHINES[process.arch]) return { kind: 'unknown' };
  if (start[4] !== 2 || start[5] !== 1) return { kind: 'kernel' };
  const loader = withRegularFile(path, (file) => loaderOf(file, start));
  if (loader === null || loader === undefined) return { kind: loader === null ? 'unknown' : 'kernel' };
  const obstacle = whyNotExecutable(loader);
  return obstacle === null ? { kind: 'kernel' } : broken(`its loader ${loader} ${obstacle}`);
}

/** The dynamic loader that a 64-bit ELF file names; undefined if none, null if the file is cut off. */
function loaderOf(file: number, start: Buffer): string | null | undefined {
  const [offset, size, count] = [Number(start.readBigUInt64LE(32)), start.readUInt16LE(54), start.readUInt16LE(56)];
  const headers = readAt(file, offset, size * count);
  if (size < 56 || headers.length < size * count) return null;
  let loader: string | undefined;
  for (let at = 0; at < headers.length; at += size) {
    const position = Number(headers.readBigUInt64LE(at + 8));
    const length = Number(headers.readBigUInt64LE(at + 32));
    if (position + length > fstatSync(file).size) return null;
    const isLoader = headers.readUInt32LE(at) === 3;
    if (isLoader) loader ??= readAt(file, position, Math.min(length, 4096)).toString().replace(/\0.*$/s, '');
  }
  return loader;
}

const broken = (reason: string): ProgramFile => ({ kind: 'broken', reason });

/** Why the system won't run the file at `path`, by its kind and permissions; null if it may. */
function whyNotExecutable(path: string): string | null {
  try {
    if (!statSync(path).isFile()) return 'is not a file';
  } catch {
    return 'is missing';
  }
  try {
    accessSync(path, constants.X_OK);
    return null;
  } catch {
    return 'may not be executed';
  }
}

function isOnPath(name: string, env: NodeJS.ProcessEnv): boolean {
  return (env['PATH'] ?? '')
    .split(posix.delimiter)
    .some((directory) => !isAbsolute(directory) || whyNotExecutable(join(directory, name)) === null);
}
