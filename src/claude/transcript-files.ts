import { type Dirent, lstatSync, readdirSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { Failure } from '../failure.ts';
import { errorCode, fileFailure } from '../files/file-failure.ts';
import { projectsFolder } from './folders.ts';
import { isSessionId, parseSessionId } from './session-id.ts';

const EXTENSION = '.jsonl';

/** A transcript on this machine: what is known without reading it. */
export interface TranscriptFile {
  readonly id: string;
  readonly path: string;
  /** The name of the project folder that contains it. */
  readonly projectFolder: string;
  /** Set if that folder is a symbolic link: Claude Code looks into it from its own directory only. */
  readonly isInLinkedFolder?: true;
  /** When it was last written, in Unix milliseconds. */
  readonly modifiedMs: number;
  /** In bytes. */
  readonly size: number;
}

/** Is told what can't be read: its path and the system error. */
export type OnUnreadable = (path: string, error: unknown) => void;

/**
 * The failure to report where a session was not found and something could not be read: it may be there.
 */
export function unreadable(path: string, error: unknown): Failure {
  const failure = fileFailure('read', path, error);
  const [message, hint] = failure instanceof Failure ? [failure.message, failure.hint] : [`Cannot read ${path}.`];
  return new Failure('no-session', message, hint, { cause: error });
}

/** Collects what can't be read. A session may be there, so it is told where none was found. */
export class Unreadable {
  first: Failure | null = null;
  readonly note: OnUnreadable = (path, error) => {
    this.first ??= unreadable(path, error);
  };
}

/**
 * The transcripts in the project folders whose name is `wanted`, newest first. Project folders that are
 * symbolic links are followed, as Claude Code does; so a transcript may come up under two of them. Links to
 * transcripts and files not named after a session (`agent-*.jsonl`) are left out.
 *
 * Reads directories and file times only, no file contents. Synchronous, because with thousands of sessions
 * the event loop costs more than the disk.
 */
export function transcriptFiles(
  claudeFolder: string,
  wanted: (projectFolder: string) => boolean = () => true,
  onUnreadable: OnUnreadable = () => {},
): TranscriptFile[] {
  const files: TranscriptFile[] = [];
  for (const folder of projectFolders(claudeFolder, onUnreadable)) {
    if (wanted(folder.name)) {
      for (const id of sessionIdsIn(folder, onUnreadable)) addFile(files, folder, id, onUnreadable);
    }
  }
  return newestFirst(files);
}

/** The transcripts of session `id`, newest first: several if the session was copied to another project. */
export function findTranscripts(
  claudeFolder: string,
  id: string,
  onUnreadable: OnUnreadable = () => {},
): TranscriptFile[] {
  const files: TranscriptFile[] = [];
  if (isSessionId(id)) {
    for (const folder of projectFolders(claudeFolder, onUnreadable)) addFile(files, folder, id, onUnreadable);
  }
  return newestFirst(files);
}

/** The ids that begin with `prefix` (lower case) among the sessions on this machine. */
export function sessionsMatching(
  claudeFolder: string,
  prefix: string,
  onUnreadable: OnUnreadable = () => {},
): string[] {
  const ids = projectFolders(claudeFolder, onUnreadable).flatMap((folder) => sessionIdsIn(folder, onUnreadable));
  return [...new Set(ids.filter((id) => id.startsWith(prefix)))].sort();
}

/**
 * The session id that a person means by `text`: a whole id in either case, which need not be on this machine,
 * or at least the first 8 characters of exactly one that is.
 *
 * Throws `usage` if `text` is no id or fits several, `no-session` if it is a beginning that fits none.
 */
export function completeSessionId(claudeFolder: string, text: string): string {
  const id = parseSessionId(text);
  if (isSessionId(id)) return id;
  const problems = new Unreadable();
  const [match, ...others] = sessionsMatching(claudeFolder, id, problems.note);
  if (match === undefined) {
    throw (
      problems.first ??
      new Failure('no-session', `No session on this machine begins with ${id}.`, 'Give the whole session id.')
    );
  }
  if (others.length > 0) {
    throw new Failure('usage', `${others.length + 1} sessions begin with ${id}.`, 'Give more of the session id.');
  }
  return match;
}

interface ProjectFolder {
  readonly name: string;
  readonly path: string;
  readonly isLink: boolean;
}

function projectFolders(claudeFolder: string, onUnreadable: OnUnreadable): ProjectFolder[] {
  const projects = projectsFolder(claudeFolder);
  try {
    return readdirSync(projects, { withFileTypes: true }).flatMap((entry) => {
      const path = join(projects, entry.name);
      return isFolder(entry, path, onUnreadable) ? [{ name: entry.name, path, isLink: entry.isSymbolicLink() }] : [];
    });
  } catch (error) {
    return missingOr(projects, error, onUnreadable);
  }
}

function isFolder(entry: Dirent, path: string, onUnreadable: OnUnreadable): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    onUnreadable(path, error);
    return false;
  }
}

function sessionIdsIn({ path }: ProjectFolder, onUnreadable: OnUnreadable): string[] {
  try {
    return readdirSync(path)
      .filter((name) => name.endsWith(EXTENSION))
      .map((name) => name.slice(0, -EXTENSION.length))
      .filter(isSessionId);
  } catch (error) {
    return missingOr(path, error, onUnreadable);
  }
}

function addFile(
  files: TranscriptFile[],
  { name, path: folder, isLink }: ProjectFolder,
  id: string,
  onUnreadable: OnUnreadable,
): void {
  // Not join(): for thousands of files it takes as long as the disk.
  const path = `${folder}${sep}${id}${EXTENSION}`;
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile()) return;
    const file = { id, path, projectFolder: name, modifiedMs: stat.mtimeMs, size: stat.size };
    files.push(isLink ? { ...file, isInLinkedFolder: true } : file);
  } catch (error) {
    onUnreadable(path, error);
  }
}

/** Nothing, after telling of it unless the folder is just not there. */
function missingOr(path: string, error: unknown, onUnreadable: OnUnreadable): [] {
  if (errorCode(error) !== 'ENOENT') onUnreadable(path, error);
  return [];
}

/** By when they were last written. */
export function newestFirst(files: readonly TranscriptFile[]): TranscriptFile[] {
  return files.toSorted((a, b) => b.modifiedMs - a.modifiedMs);
}
