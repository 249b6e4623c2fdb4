import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The longest project folder name that Claude Code uses unshortened, in UTF-16 units. */
const LONGEST_SLUG = 200;
const PROJECT_FOLDER_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;

/**
 * Claude Code's folder: `CLAUDE_CONFIG_DIR` if set, else `.claude` in the home directory. Always absolute.
 *
 * An empty variable counts as unset.
 */
export function claudeFolder(env: NodeJS.ProcessEnv, home = env['HOME'] || homedir()): string {
  return resolve(env['CLAUDE_CONFIG_DIR'] || join(home, '.claude')).normalize('NFC');
}

/** Where Claude Code keeps sessions: a folder per project, in it a `<session-id>.jsonl` per session. */
export function projectsFolder(claudeFolder: string): string {
  return join(claudeFolder, 'projects');
}

/**
 * The name of the project folder of `directory`: every UTF-16 unit except ASCII letters and digits becomes
 * `-`; beyond 200 units, the first 200 and a hash of the path. This is Claude Code's name only if `directory`
 * is a real path (no symbolic links).
 *
 * Many directories share a name, so it can't be reversed.
 */
export function slugOf(directory: string): string {
  const slug = dashed(directory);
  return slug.length <= LONGEST_SLUG ? slug : `${slug.slice(0, LONGEST_SLUG)}-${pathHash(directory)}`;
}

/** The common beginning of the project folder names of all directories below `directory`, a real path. */
export function slugPrefixBelow(directory: string): string {
  return dashed(/[/\\]$/.test(directory) ? directory : `${directory}/`).slice(0, LONGEST_SLUG);
}

/**
 * True if `name` may come from a path. One set by `CLAUDE_CODE_PROJECT_DIR_NAME` does not tell the directory.
 */
export function isSlug(name: string): boolean {
  return /^(?:-|[A-Za-z]--)/.test(name);
}

/**
 * The name of the project folder that Claude Code uses in `directory`, a real path: its slug, or
 * `CLAUDE_CODE_PROJECT_DIR_NAME` if `CLAUDE_CONFIG_DIR` is set too and it has 1 to 64 letters, digits, `_`
 * and `-`.
 */
export function projectFolderName(directory: string, env: NodeJS.ProcessEnv): string {
  const name = env['CLAUDE_CONFIG_DIR'] ? env['CLAUDE_CODE_PROJECT_DIR_NAME'] : undefined;
  return name && PROJECT_FOLDER_NAME.test(name) && !WINDOWS_DEVICE.test(name) ? name : slugOf(directory);
}

function dashed(path: string): string {
  return path.replace(/[^a-zA-Z0-9]/g, '-');
}

/** The absolute value of Java's 32-bit string hash, in base 36. */
function pathHash(path: string): string {
  let hash = 0;
  for (let at = 0; at < path.length; at++) hash = ((hash << 5) - hash + path.charCodeAt(at)) | 0;
  return Math.abs(hash).toString(36);
}
