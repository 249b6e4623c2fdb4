import { createHash } from 'node:crypto';
import { posix, win32 } from 'node:path';
import { isObject } from '../../claude/json-object.ts';
import { MAX_FILES } from '../bundle/limits.ts';
import type { PathRewrite } from '../paths/path-rewrite.ts';
import type { Change } from './record-change.ts';
import type { JsonRecord } from './record-rules.ts';

const BACKUP_NAME = /^([0-9a-f]{16})(@v[0-9]{1,6})$/;
/** UTF-16 units of paths and names. */
const MOST_REMEMBERED = 2_000_000;
/** Files are relative to the directory in which the session was started. */
const MOST_TRIED = 4;
/** No system opens a longer path. Far below what is left of a long string while a record is looked at. */
const LONGEST_PATH = 4096;

/** What a backup's name becomes, and of which path that holds, as a record has it. */
interface RememberedName {
  readonly tracked: string;
  readonly parent: string | null;
  readonly asText: (text: string) => string;
  readonly here: string;
}

/**
 * The records about backups of edited files (`/rewind`). A backup is called after a digest of its file's
 * absolute path, so it gets another name where the file has another path.
 */
export class FileBackups {
  /** Names that changed, old to new: as many as a bundle may have files. */
  readonly names = new Map<string, string>();
  readonly #rewrite: PathRewrite | null;
  readonly #directories: readonly string[];
  #remembered = new Map<string, RememberedName>();
  #units = 0;

  /** `directories`: where files that have no more than a relative path may be. May grow. */
  constructor(rewrite: PathRewrite | null, directories: readonly string[]) {
    this.#rewrite = rewrite;
    this.#directories = directories;
  }

  /** What has to be changed in a record so that its names and relative paths are right here. */
  changes(record: JsonRecord, asText: (text: string) => string): Change[] {
    if (this.#rewrite === null) return [];
    return entriesOf(record).flatMap(({ path, tracked, backup, isKey, keyPath }) => {
      const changes: Change[] = [];
      const name = backup['backupFileName'];
      const parent = backup['realParentDir'];
      if (typeof name === 'string') {
        const to = this.#nameHere(name, tracked, typeof parent === 'string' ? parent : null, asText);
        if (to !== name) changes.push({ path: [...path, 'backupFileName'], kind: 'set', to });
      }
      const here = this.#relativeHere(tracked);
      if (here !== tracked) changes.push({ path: keyPath, kind: isKey ? 'rename' : 'set', to: here });
      return changes;
    });
  }

  /** `tracked` and `parent` are as in the record. Each snapshot names all files again, so most are known. */
  #nameHere(name: string, tracked: string, parent: string | null, asText: (text: string) => string): string {
    const known = this.#remembered.get(name);
    if (known?.tracked === tracked && known.parent === parent && known.asText === asText) return known.here;
    const [file, folder] = [asText(tracked), parent === null ? null : asText(parent)];
    if (file.length > LONGEST_PATH || (folder?.length ?? 0) > LONGEST_PATH) return name;
    const here = this.#newName(name, file, folder);
    this.#units += name.length + file.length + (folder?.length ?? 0);
    if (this.#units > MOST_REMEMBERED) {
      this.#remembered = new Map();
      this.#units = 0;
    }
    this.#remembered.set(name, { tracked, parent, asText, here });
    if (here !== name && this.names.size < MAX_FILES) this.names.set(name, here);
    return here;
  }

  #newName(name: string, tracked: string, parent: string | null): string {
    const [, digest, version] = BACKUP_NAME.exec(name) ?? [];
    const rewrite = this.#rewrite;
    if (digest === undefined || rewrite === null) return name;
    const { isAbsolute, join, basename } = rewrite.fromWindows ? win32 : posix;
    const candidates = isAbsolute(tracked)
      ? [tracked]
      : this.#directories.slice(0, MOST_TRIED).map((directory) => join(directory, tracked));
    if (parent !== null) candidates.unshift(join(parent, basename(tracked)));
    const path = candidates.find((each) => digestOf(each) === digest);
    return path === undefined ? name : `${digestOf(rewrite.inPath(path))}${version}`;
  }

  /** A relative path with the separators of this system. Absolute ones are rewritten as all paths are. */
  #relativeHere(tracked: string): string {
    const rewrite = this.#rewrite;
    if (rewrite === null || rewrite.fromWindows === rewrite.toWindows) return tracked;
    if ((rewrite.fromWindows ? win32 : posix).isAbsolute(tracked)) return tracked;
    return rewrite.fromWindows ? tracked.replaceAll('\\', '/') : tracked.replaceAll('/', '\\');
  }
}

/**
 * Removes from a record of somebody else the backups that `/rewind` could be made to write over any file
 * with: those of files outside of the directory and of hidden ones. Returns how many; null if nothing is
 * left.
 */
export function removeUnsafeBackups(record: JsonRecord): number | null {
  return removeBackups(record, ({ tracked, backup: { backupFileName: name } }) => {
    const isNamed = name === null || (typeof name === 'string' && BACKUP_NAME.test(name));
    return isNamed && isPlainRelative(tracked);
  });
}

/**
 * Removes from a record the backups of files whose paths are `isSecret`. Returns how many; null if nothing is
 * left.
 */
export function removeSecretBackups(record: JsonRecord, isSecret: (path: string) => boolean): number | null {
  return removeBackups(record, ({ tracked, backup: { realParentDir } }) => {
    if (isSecret(tracked)) return false;
    return typeof realParentDir !== 'string' || !isSecret(`${realParentDir}/${win32.basename(tracked)}`);
  });
}

function removeBackups(record: JsonRecord, stays: (entry: BackupEntry) => boolean): number | null {
  const { type, snapshot, backup, trackingPath } = record;
  if (type !== 'file-history-snapshot' && type !== 'file-history-delta') return 0;
  let removed = 0;
  for (const entry of entriesOf(record)) {
    if (stays(entry)) continue;
    removed += 1;
    if (entry.parent === null) return null;
    delete entry.parent[entry.tracked];
  }
  if (type === 'file-history-delta') return isObject(backup) && typeof trackingPath === 'string' ? removed : null;
  return isObject(snapshot) && isObject(snapshot['trackedFileBackups']) ? removed : null;
}

/** The names of the files of the history that a record needs. */
export function backupNamesIn(record: JsonRecord): string[] {
  return entriesOf(record).flatMap(({ backup: { backupFileName } }) =>
    typeof backupFileName === 'string' ? [backupFileName] : [],
  );
}

/**
 * A path below the directory that names nothing hidden: `.git/hooks/x` and `.claude/settings.json` run. Of a
 * path that is too long, not all is seen here: it may lead up again further on.
 */
function isPlainRelative(path: string): boolean {
  return (
    path !== '' &&
    path.length <= LONGEST_PATH &&
    !/[\\\0]/.test(path) &&
    !/^[A-Za-z]:/.test(path) &&
    path.split('/').every((name) => name !== '' && !name.startsWith('.'))
  );
}

interface BackupEntry {
  readonly tracked: string;
  readonly backup: JsonRecord;
  /** Of `backup` in the record. */
  readonly path: readonly string[];
  /** Whether `tracked` is the key of `backup` in `parent`, or a value, at `keyPath`. */
  readonly isKey: boolean;
  readonly keyPath: readonly string[];
  readonly parent: JsonRecord | null;
}

function entriesOf(record: JsonRecord): BackupEntry[] {
  const { type, snapshot, backup, trackingPath } = record;
  if (type === 'file-history-delta' && isObject(backup) && typeof trackingPath === 'string') {
    return [{ tracked: trackingPath, backup, path: ['backup'], isKey: false, keyPath: ['trackingPath'], parent: null }];
  }
  const backups = type === 'file-history-snapshot' && isObject(snapshot) ? snapshot['trackedFileBackups'] : null;
  if (!isObject(backups)) return [];
  return Object.entries(backups).flatMap(([tracked, each]) => {
    const path = ['snapshot', 'trackedFileBackups', tracked];
    // What is no backup is not one that Claude Code can use; `removeUnsafeBackups` sees it, though.
    return [{ tracked, backup: isObject(each) ? each : {}, path, isKey: true, keyPath: path, parent: backups }];
  });
}

const digestOf = (path: string) => createHash('sha256').update(path).digest('hex').slice(0, 16);
