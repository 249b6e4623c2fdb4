import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { realPath } from '../files/real-path.ts';

/** The nearest directory from `cwd` upwards with a `.git` folder, or file (of a worktree); null if none. */
export function gitRootOf(cwd: string): string | null {
  for (let directory = realPath(cwd); ; directory = dirname(directory)) {
    if (hasGit(directory)) return directory;
    if (directory === dirname(directory)) return null;
  }
}

function hasGit(directory: string): boolean {
  try {
    return lstatSync(join(directory, '.git'), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
