import { lstatSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { Failure } from '../failure.ts';
import { projectsFolder } from './folders.ts';
import { isSessionId, parseSessionId } from './session-id.ts';

const EXTENSION = '.jsonl';

/** A transcript on this machine: what is known without reading it. */
export interface TranscriptFile {
  readonly id: string;
  readonly path: string;
  /** The name of the project folder that contains it. */
  readonly projectFolder: string;
  /** When it was last written, in Unix milliseconds. */
  readonly modifiedMs: number;
  /** In bytes. */
  readonly size: number;
}

/**
 * The transcripts in the project folders whose name is `wanted`, newest first. Symbolic links, files not
 * named after a session (`agent-*.jsonl`) and unreadable folders are left out.
 *
 * Reads directories and file times only, no file contents. Synchronous, because with thousands of sessions
 * the event loop costs more than the disk.
 */
export function transcriptFiles(
  claudeFolder: string,
  wanted: (projectFolder: string) => boolean = () => true,
): TranscriptFile[] {
  const files: TranscriptFile[] = [];
  for (const folder of projectFolders(claudeFolder)) {
    if (wanted(folder.name)) for (const id of sessionIdsIn(folder)) addFile(files, folder, id);
  }
  return newestFirst(files);
}

/** The transcripts of session `id`, newest first: several if the session was copied to another project. */
export function findTranscripts(claudeFolder: string, id: string): TranscriptFile[] {
  const files: TranscriptFile[] = [];
  if (isSessionId(id)) for (const folder of projectFolders(claudeFolder)) addFile(files, folder, id);
  return newestFirst(files);
}

/** The ids that begin with `prefix` (lower case) among the sessions on this machine. */
export function sessionsMatching(claudeFolder: string, prefix: string): string[] {
  const ids = projectFolders(claudeFolder).flatMap(sessionIdsIn);
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
  const [match, ...others] = sessionsMatching(claudeFolder, id);
  if (match === undefined) {
    throw new Failure('no-session', `No session on this machine begins with ${id}.`, 'Give the whole session id.');
  }
  if (others.length > 0) {
    throw new Failure('usage', `${others.length + 1} sessions begin with ${id}.`, 'Give more of the session id.');
  }
  return match;
}

interface ProjectFolder {
  readonly name: string;
  readonly path: string;
}

function projectFolders(claudeFolder: string): ProjectFolder[] {
  const projects = projectsFolder(claudeFolder);
  try {
    return readdirSync(projects, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => ({ name, path: join(projects, name) }));
  } catch {
    return [];
  }
}

function sessionIdsIn({ path }: ProjectFolder): string[] {
  try {
    return readdirSync(path)
      .filter((name) => name.endsWith(EXTENSION))
      .map((name) => name.slice(0, -EXTENSION.length))
      .filter(isSessionId);
  } catch {
    return [];
  }
}

function addFile(files: TranscriptFile[], { name, path: folder }: ProjectFolder, id: string): void {
  // Not join(): for thousands of files it takes as long as the disk.
  const path = `${folder}${sep}${id}${EXTENSION}`;
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isFile()) files.push({ id, path, projectFolder: name, modifiedMs: stat.mtimeMs, size: stat.size });
  } catch {
    // A file that can't be examined counts as missing.
  }
}

function newestFirst(files: TranscriptFile[]): TranscriptFile[] {
  return files.sort((a, b) => b.modifiedMs - a.modifiedMs);
}
