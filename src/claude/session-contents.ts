import { type BigIntStats, type Dirent, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { errorCode } from '../files/file-failure.ts';
import { projectsFolder } from './folders.ts';
import { kindOfName, type SessionFileKind, type SessionPlace, sessionFolder } from './session-layout.ts';
import { type TranscriptFile, unreadable } from './transcript-files.ts';

/** A file of a session, as it was found. */
export interface SessionFile {
  readonly kind: SessionFileKind;
  /** What it is called in a bundle, as `kindOfName` knows it. */
  readonly name: string;
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** What tells this very file from another that takes its name. */
  readonly identity: string;
}

/** What a session consists of. */
export interface SessionContents {
  readonly place: SessionPlace;
  /** The transcript is the first. */
  readonly files: readonly SessionFile[];
  /** All of them together, in bytes. */
  readonly bytes: number;
  /** What was found in the session's places and is not carried, and why, in words for a person. */
  readonly left: readonly { readonly what: string; readonly why: string }[];
}

/** What Claude Code keeps in its folder that must never leave this machine: files, and folders of files. */
const SECRETS = [
  ...['.credentials.json', '.claude.json', 'settings.json', 'settings.local.json', 'remote-settings.json'],
  ...['backups', 'sessions', 'session-env', 'shell-snapshots'],
];

/**
 * The files of the session with this transcript, by `session-layout.ts`: regular ones, in its own places,
 * never by a symbolic link. `secrets` are files that may not come along under whatever name, beside those of
 * Claude Code itself. With `memory` the notes of its project come along.
 *
 * Throws `refused` if the transcript itself is one of those, and `no-session` if it is gone.
 */
export function sessionContents(
  claudeFolder: string,
  transcript: TranscriptFile,
  { memory, secrets }: { readonly memory: boolean; readonly secrets: readonly string[] },
): SessionContents {
  const place = { claudeFolder, projectFolder: transcript.projectFolder, sessionId: transcript.id };
  const finder = new Finder(transcript, () => [...SECRETS.map((name) => join(claudeFolder, name)), ...secrets]);
  const beside = sessionFolder(place);
  if (finder.isOwnFolder(beside, '')) {
    for (const entry of finder.entriesOf(beside, '')) {
      if (entry.isDirectory() && BESIDE.includes(entry.name)) finder.addFolder(join(beside, entry.name), entry.name);
      else finder.addEntry(beside, '', entry);
    }
  }
  for (const name of ['file-history', 'tasks']) {
    const folder = join(claudeFolder, name, place.sessionId);
    if (finder.isOwnFolder(folder, name)) finder.addFolder(folder, name);
  }
  const notes = join(projectsFolder(claudeFolder), place.projectFolder, 'memory');
  if (memory && finder.isOwnFolder(notes, 'memory')) finder.addFolder(notes, 'memory');
  const bytes = finder.files.reduce((sum, { size }) => sum + size, 0);
  return { place, files: finder.files, bytes, left: finder.left() };
}

/** The folders of a session that lie beside its transcript. */
const BESIDE = ['subagents', 'tool-results'];

/** How many of the files that are left for one reason are named. */
const MOST_NAMED = 3;
/** How deep the folders are that hold secrets. */
const DEEPEST = 3;

class Finder {
  readonly files: SessionFile[];
  readonly #owner: bigint;
  readonly #secretPaths: () => readonly string[];
  #secrets: ReadonlySet<string> | null = null;
  /** Names, by why they are left. */
  readonly #left = new Map<string, string[]>();

  constructor({ path }: TranscriptFile, secretPaths: () => readonly string[]) {
    this.#secretPaths = secretPaths;
    const stats = statsOf(path);
    if (!stats?.isFile()) throw gone(path);
    if (this.#isSecret(stats)) {
      throw new Failure(
        'refused',
        `${path} is the same file as one that must not leave this machine.`,
        'It holds credentials or settings, under a second name (a hard link): remove that name.',
      );
    }
    this.#owner = stats.uid;
    this.files = [fileOf('transcript', 'session.jsonl', path, stats)];
  }

  /** True if a folder is there, and no link to one. */
  isOwnFolder(path: string, name: string): boolean {
    const stats = statsOf(path);
    if (stats === null || stats.isDirectory()) return stats !== null;
    this.#leave(name || 'its folder', stats.isSymbolicLink() ? LINK : NO_FILE);
    return false;
  }

  addFolder(path: string, name: string): void {
    for (const entry of this.entriesOf(path, name)) this.addEntry(path, `${name}/`, entry);
  }

  entriesOf(path: string, name: string): Dirent[] {
    try {
      return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') this.#leave(name || 'its folder', "can't be read");
      return [];
    }
  }

  addEntry(folder: string, prefix: string, entry: Dirent): void {
    const name = prefix + entry.name;
    // Made by each Claude Code that looks at the tasks.
    if (name === 'tasks/.lock') return;
    const path = join(folder, entry.name);
    const stats = statsOf(path);
    if (stats === null) return;
    const kind = kindOfName(name);
    const why = this.#whyNot(stats, kind);
    if (why !== null || kind === null) this.#leave(name, why ?? UNKNOWN);
    else this.files.push(fileOf(kind, name, path, stats));
  }

  left(): SessionContents['left'] {
    return [...this.#left].map(([why, names]) => {
      const more = names.length - MOST_NAMED;
      return { what: `${names.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`, why };
    });
  }

  #whyNot(stats: BigIntStats, kind: SessionFileKind | null): string | null {
    if (stats.isSymbolicLink()) return LINK;
    if (!stats.isFile()) return stats.isDirectory() ? UNKNOWN : NO_FILE;
    if (kind === null || kind === 'transcript') return UNKNOWN;
    // Whoever owns the transcript owns what belongs to it; on Windows everything is 0's.
    if (stats.uid !== this.#owner) return 'belongs to another user';
    return this.#isSecret(stats) ? 'is the same file as one that must not leave this machine' : null;
  }

  /** Only a file with a second name (a hard link) can be one of them. */
  #isSecret(stats: BigIntStats): boolean {
    if (stats.nlink < 2n) return false;
    this.#secrets ??= new Set(this.#secretPaths().flatMap((path) => identitiesBelow(path, DEEPEST)));
    return this.#secrets.has(identityOf(stats));
  }

  #leave(name: string, why: string): void {
    const names = this.#left.get(why);
    if (names === undefined) this.#left.set(why, [name]);
    else names.push(name);
  }
}

const LINK = 'is a symbolic link, which is not followed';
const NO_FILE = 'is not a regular file';
const UNKNOWN = 'is no kind of file that cclink carries';

function fileOf(kind: SessionFileKind, name: string, path: string, stats: BigIntStats): SessionFile {
  return { kind, name, path, size: Number(stats.size), identity: identityOf(stats) };
}

/** What tells a file from every other on this machine. */
export function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function statsOf(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

/** The files at and below `path`, links followed. */
function identitiesBelow(path: string, depth: number): string[] {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats?.isFile()) return [identityOf(stats)];
    if (!stats?.isDirectory() || depth === 0) return [];
    return readdirSync(path).flatMap((name) => identitiesBelow(join(path, name), depth - 1));
  } catch {
    return [];
  }
}

function gone(path: string): Failure {
  const error = Object.assign(new Error('gone'), { code: 'ENOENT', syscall: 'open' });
  return unreadable(path, error);
}
