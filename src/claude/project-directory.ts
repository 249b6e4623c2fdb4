import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { realPath } from '../files/real-path.ts';
import { slugOf } from './folders.ts';

/**
 * Whether the project folder `name` is that of `directory`, in any spelling that Claude Code may have used:
 * as it is, with its symbolic links resolved, with its letters composed (macOS keeps them as they were
 * typed).
 */
export function isNamedAfter(name: string, directory: string): boolean {
  return slugsOf(directory).has(name) || (isAbsolute(directory) && slugsOf(realPath(directory)).has(name));
}

/** Whether the project folder `name` is the one that every Claude Code looks into from `directory`. */
export function isFolderOf(name: string, directory: string): boolean {
  return slugsOf(realPath(directory)).has(name);
}

/** The names that a project folder of `directory` may have, links left as they are. */
export function slugsOf(directory: string): ReadonlySet<string> {
  return new Set([directory, directory.normalize('NFC'), directory.normalize('NFD')].map(slugOf));
}

/**
 * `directory` in the spelling in which it exists on this machine: as it is, or with its letters composed or
 * decomposed. Null if it is not here.
 */
export function existingDirectory(directory: string): string | null {
  const spellings = [directory, directory.normalize('NFC'), directory.normalize('NFD')];
  return spellings.find(isDirectory) ?? null;
}

/** What tells a directory from every other, however it is spelled; null if it is not here. */
export function directoryIdentity(directory: string): string | null {
  try {
    const stats = statSync(directory, { bigint: true, throwIfNoEntry: false });
    return stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : null;
  } catch {
    return null;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}
