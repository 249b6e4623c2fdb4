import { accessSync, constants, lstatSync, readdirSync, type Stats, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '../failure.ts';
import { errorCode, fileFailure } from '../files/file-failure.ts';
import { isOpenToOthers, octalMode } from '../files/permissions.ts';
import { quoteForShell } from '../shell-quote.ts';
import { type Check, checked, good, notChecked } from './check.ts';

/** With less than this left on a disk, our files may not be written whole, in bytes. */
const LEAST_SPACE = 1024 * 1024;

/**
 * Whether a folder of cclink's own (`what` it is for: `state`) is private to the user and can be written, or
 * can be made if it does not exist yet.
 */
export function ownFolderCheck(id: string, what: string, path: string): Check {
  return checked(id, () => {
    const stats = statsOf(path, path);
    if (stats === undefined) {
      mustHaveRoom(nearestFolder(path), path);
      return good(id, `The folder for ${what} will be made at the first need: ${path}.`);
    }
    if (!stats.isDirectory()) throw fileFailure('create', path, Object.assign(new Error(), ENOTDIR));
    if (isOpenToOthers(stats)) {
      throw new Failure(
        'refused',
        `The folder for ${what} is open to other users (${octalMode(stats)}): ${path}.`,
        `chmod 700 ${quoteForShell(path)}`,
      );
    }
    mustBelongToUser(path, stats);
    mustHaveRoom(path, path);
    mustBeOurs(path);
    return good(id, `The folder for ${what} is yours alone, and can be written: ${path}.`);
  });
}

const ENOTDIR = { syscall: 'mkdir', code: 'ENOTDIR' };

/** Whether Claude Code's folder can be read; `path` is that folder, and its sessions are in `projects`. */
export function claudeFolderCheck(path: string, projects: string): Check {
  return checked('claude-folder', () => {
    for (const folder of [path, projects]) {
      const exists = asFailure('read', folder, () => {
        const stats = statSync(folder, { throwIfNoEntry: false });
        if (stats !== undefined) readdirSync(folder);
        return stats !== undefined;
      });
      if (!exists) {
        const hint = 'If you use claude here, look at CLAUDE_CONFIG_DIR.';
        return notChecked('claude-folder', `There are no Claude Code sessions here yet: no ${folder}.`, hint);
      }
    }
    return good('claude-folder', `The sessions of Claude Code can be read: ${projects}.`);
  });
}

/**
 * Throws `refused` for a file or folder of another user. To root all of them are open: what it writes there,
 * the owner can't write any more.
 */
export function mustBelongToUser(path: string, { uid }: Stats): void {
  const own = process.getuid?.();
  if (own === undefined || uid === own) return;
  throw new Failure(
    'refused',
    `${path} belongs to another user (uid ${uid}; yours is ${own}).`,
    own === 0
      ? 'Run cclink as that user, without sudo.'
      : `If cclink once ran with sudo: sudo chown -R "$(id -un)" ${quoteForShell(path)}`,
  );
}

/** What the system knows of `path`, undefined if there is nothing; `wanted` is what the failure names. */
function statsOf(path: string, wanted: string): Stats | undefined {
  const stats = asFailure('create', wanted, () => statSync(path, { throwIfNoEntry: false }));
  if (stats === undefined && asFailure('create', wanted, () => lstatSync(path, { throwIfNoEntry: false }))) {
    throw new Failure('refused', `${path} is a link that leads nowhere.`, 'Make what it leads to, or remove it.');
  }
  return stats;
}

/** The folder that exists and is the nearest above `path`. */
function nearestFolder(path: string): string {
  const above = dirname(path);
  return statsOf(above, path) !== undefined || above === path ? above : nearestFolder(above);
}

/** Throws `refused` unless files can be made in `folder`; `path` is what the failure names. */
function mustHaveRoom(folder: string, path: string): void {
  const { R_OK, W_OK, X_OK } = constants;
  asFailure('write', path, () => accessSync(folder, (folder === path ? R_OK : 0) | W_OK | X_OK));
  const { bavail, bsize } = asFailure('read', path, () => statfsSync(folder));
  if (bavail * bsize >= LEAST_SPACE) return;
  throw fileFailure('write', path, Object.assign(new Error(), { syscall: 'write', code: 'ENOSPC' }));
}

/** Throws `refused` if something in the folder can't be read and written, as after a run with `sudo`. */
function mustBeOurs(folder: string): void {
  const { R_OK, W_OK } = constants;
  for (const name of asFailure('read', folder, () => readdirSync(folder, { recursive: true, encoding: 'utf8' }))) {
    const file = join(folder, name);
    try {
      accessSync(file, R_OK | W_OK);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') continue; // removed just now
      throw new Failure(
        'refused',
        `${file} can't be read and written by you.`,
        `If cclink once ran with sudo: sudo chown -R "$(id -un)" ${quoteForShell(folder)}`,
      );
    }
  }
}

function asFailure<T>(action: Parameters<typeof fileFailure>[0], path: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw fileFailure(action, path, error);
  }
}
