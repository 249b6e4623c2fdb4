import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const FILES = [
  'package.json',
  'tsconfig.json',
  'scripts/build.mjs',
  'scripts/man-page.ts',
  // The man page is made from these, too.
  'README.md',
  'CHANGELOG.md',
  'node_modules/.package-lock.json',
];

/** Where the build writes down what it was made from. Not shipped. */
export const STAMP = join(root, 'dist/sources.sha256');

/**
 * The SHA-256 of all that the build is made from: names and contents of our files, and what packages are
 * installed. The times of files do not tell of one that was deleted, or that came with an old time, as rsync
 * and tar bring it.
 */
export function digestOfSources() {
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of [...sources.sort(), ...FILES.map((path) => join(root, path))]) {
    const content = readFileSync(file);
    hash.update(`${file} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}
