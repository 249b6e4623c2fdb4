import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { projectsFolder } from './folders.ts';
import { isSessionId, parseSessionId } from './session-id.ts';

/** A transcript on this machine, seen from outside. */
export interface SessionFile {
  readonly id: string;
  readonly path: string;
  /** The name of the project folder that it stands in. */
  readonly projectFolder: string;
  /** When it was last written, in milliseconds since 1970. */
  readonly modifiedMs: number;
  /** In bytes. */
  readonly size: number;
}

/**
 * The transcripts in the project folders whose name is `wanted`, newest first. Symbolic links, and files not named after a
 * session (`agent-*.jsonl`), are left out; so are folders that can't be read.
 *
 * Reads directories and file times, synchronously, and no file: with many sessions the event loop costs more than the disk.
 */
export function sessionFiles(
  claudeFolder: string,
  wanted: (projectFolder: string) => boolean = () => true,
): SessionFile[] {
  return projectFolders(claudeFolder)
    .filter(wanted)
    .flatMap((projectFolder) => {
      const folder = join(projectsFolder(claudeFolder), projectFolder);
      return namesIn(folder).flatMap((name) => {
        const id = name.endsWith('.jsonl') ? name.slice(0, -'.jsonl'.length) : '';
        return isSessionId(id) ? sessionFile(claudeFolder, projectFolder, id) : [];
      });
    })
    .sort((a, b) => b.modifiedMs - a.modifiedMs);
}

/** The transcripts of session `id`, newest first: more than one where the session was copied to another project. */
export function findSession(claudeFolder: string, id: string): SessionFile[] {
  if (!isSessionId(id)) return [];
  return projectFolders(claudeFolder)
    .flatMap((projectFolder) => sessionFile(claudeFolder, projectFolder, id))
    .sort((a, b) => b.modifiedMs - a.modifiedMs);
}

/** The ids that begin with `prefix` (lower case) among the sessions on this machine. */
export function sessionsMatching(claudeFolder: string, prefix: string): string[] {
  const ids = new Set<string>();
  for (const projectFolder of projectFolders(claudeFolder)) {
    for (const name of namesIn(join(projectsFolder(claudeFolder), projectFolder))) {
      const id = name.slice(0, -'.jsonl'.length);
      if (name.startsWith(prefix) && name.endsWith('.jsonl') && isSessionId(id)) ids.add(id);
    }
  }
  return [...ids].sort();
}

/**
 * The session id that a person means by `text`: a whole one in either case, which need not be on this machine, or the first 8
 * or more characters of exactly one that is.
 *
 * Throws `usage` if it is no id or fits several, `no-session` if it is a beginning and fits none.
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

function projectFolders(claudeFolder: string): string[] {
  try {
    return readdirSync(projectsFolder(claudeFolder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function sessionFile(claudeFolder: string, projectFolder: string, id: string): [] | [SessionFile] {
  const path = join(projectsFolder(claudeFolder), projectFolder, `${id}.jsonl`);
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isFile() ? [{ id, path, projectFolder, modifiedMs: stat.mtimeMs, size: stat.size }] : [];
  } catch {
    return [];
  }
}
