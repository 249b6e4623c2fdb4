import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const WRITER = fileURLToPath(new URL('killed-writer.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

/** Starts `killed-writer.ts` as a separate process, with its standard output piped. */
export function startWriter(
  what: 'before replacing' | 'large files' | 'keys' | 'holds a lock' | 'counts under a lock' | 'reserves numbers',
  path: string,
): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, ['--import', TSX, WRITER, what, path], { stdio: ['ignore', 'pipe', 'inherit'] });
}
