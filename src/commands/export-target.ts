import { once } from 'node:events';
import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { fileFailure } from '../files/file-failure.ts';
import { streamInto } from '../files/stream-to-file.ts';
import { printable } from '../terminal/printable.ts';
import { isStandardOutputLost } from '../terminal/standard-streams.ts';
import type { Context } from './context.ts';

/** Where a session goes. `file`: a regular one, or none yet. `other`: a pipe or a device that has a path. */
export type Target =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string; readonly exists: boolean }
  | { readonly kind: 'other'; readonly path: string };

/**
 * Where a session with this title and id goes if `given` follows -o: without it into the pipe or redirection
 * that standard output is, else to a file of the current folder that is named after it.
 *
 * Throws `usage` for a terminal, and `refused` if the path can't be read.
 */
export function targetOf({ output: { json } }: Context, given: string | undefined, name: string): Target {
  if (given === '-') return { kind: 'stdout' };
  if (given === undefined && !json && !process.stdout.isTTY && !isStandardOutputLost()) return { kind: 'stdout' };
  const path = given ?? name;
  const stats = statsAt(path);
  return stats?.isDirectory() ? at(join(path, name), statsAt(join(path, name))) : at(path, stats);
}

/** Throws `usage` for an empty name, and for standard output that is a terminal. */
export function checkTarget(given: string | undefined): void {
  if (given === '') throw new Failure('usage', 'The name after -o is empty.', 'Write: -o session.cclink');
  if (given !== '-' || !process.stdout.isTTY) return;
  throw new Failure(
    'usage',
    'A sealed session is nothing for a terminal.',
    'Name a file (-o session.cclink), or pipe it: cclink export | ssh desk "cat > session.cclink"',
  );
}

const LONGEST_SLUG = 40;

/** `fix-the-login-1a2b3c4d.cclink`: letters and digits that every system takes in a name. */
export function fileNameFor({ title, id }: { readonly title: string | null; readonly id: string }): string {
  const plain = (title ?? '')
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
  const slug = plain.replace(/[^a-z0-9]+/g, '-').replace(/^-+/, '');
  const words = slug.length <= LONGEST_SLUG ? slug : slug.slice(0, LONGEST_SLUG + 1).replace(/-[^-]*$/, '');
  return `${words.slice(0, LONGEST_SLUG).replace(/-+$/, '') || 'session'}-${id.slice(0, 8)}.cclink`;
}

/** Asks before a file is replaced. Throws `interrupted` for a no, and `usage` if nobody can be asked. */
export async function confirmReplacing({ questions, yes }: Context, target: Target): Promise<void> {
  if (target.kind !== 'file' || !target.exists || yes) return;
  const question = `${printable(target.path)} exists. Replace it?`;
  if (await questions.confirm(question, 'Answer it with -y, or name another file with -o')) return;
  throw new Failure('interrupted', 'Nothing was written.');
}

/** Writes to what is no file as fast as its reader takes it. Returns how many bytes that were. */
export function writeThrough(
  target: Exclude<Target, { readonly kind: 'file' }>,
  stream: AsyncIterable<Buffer>,
): Promise<number> {
  return target.kind === 'other' ? streamInto(target.path, stream) : writeOut(stream);
}

/** If the reader of standard output is gone, the process ends (`main.ts`). */
async function writeOut(stream: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
  return bytes;
}

/** What stands at a path, links followed; null if nothing does. */
function statsAt(path: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined ? null : statSync(path);
  } catch (error) {
    throw fileFailure('write', path, error);
  }
}

/** Where a link leads is replaced, not the link. */
function at(path: string, stats: Stats | null): Target {
  if (stats !== null && !stats.isFile()) return { kind: 'other', path };
  return { kind: 'file', path: stats === null ? path : realpathSync(path), exists: stats !== null };
}
