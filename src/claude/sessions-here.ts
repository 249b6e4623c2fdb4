import { basename, dirname, isAbsolute, relative, sep } from 'node:path';
import { realPath } from '../files/real-path.ts';
import { isSlug, slugPrefixBelow } from './folders.ts';
import type { LiveSession } from './live-sessions.ts';
import { inOrderOfUse, isRestamped } from './order-of-use.ts';
import { directoryIdentity, existingDirectory, slugsOf } from './project-directory.ts';
import { describeSession, firstDirectory, type Session } from './session.ts';
import {
  findTranscripts,
  newestFirst,
  type OnUnreadable,
  type TranscriptFile,
  transcriptFiles,
} from './transcript-files.ts';
import type { Standing } from './transcript-summary.ts';

/** What else is known of a directory when its sessions are looked for. */
export interface Surroundings {
  /** The git root above it, up to which directories count. */
  readonly gitRoot?: string | null;
  /** Another spelling of it, as in `PWD`: through symbolic links. */
  readonly spelling?: string | undefined;
  /** The sessions that are open in a running Claude Code. */
  readonly live?: readonly LiveSession[];
  readonly onUnreadable?: OnUnreadable;
}

/** A session that somebody may want to go on with comes before those that only programs worked in. */
const ORDER: readonly Standing[] = ['typed', 'automated', 'shell'];

/**
 * The sessions whose directory is `cwd`, below it, or above it up to the git root, and those open in a Claude
 * Code that runs there: first those that a person typed in, then those that programs worked in (`claude -p`,
 * teams), then those of `!` lines alone, each newest first. Sessions in which nothing was said are left out,
 * and so are those that Claude Code went on with in another one.
 *
 * Directories compare by their real form, however they are spelled. Lists only project folders whose names
 * may fit (all of them where nothing else is found), and opens a transcript only when its turn comes.
 */
export function* sessionsOf(
  claudeFolder: string,
  cwd: string,
  surroundings: Surroundings = {},
): Generator<Session, void, undefined> {
  const place = new Place(cwd, surroundings);
  const { onUnreadable = () => {}, live = [] } = surroundings;
  const open = new Map(live.filter((it) => place.includes(it.cwd)).map((it) => [it.sessionId, it.cwd]));
  const openFiles = [...open.keys()].flatMap((id) => findTranscripts(claudeFolder, id, onUnreadable));
  const named = transcriptFiles(claudeFolder, (name) => place.mayBeNamed(name), onUnreadable);
  let found = false;
  for (const session of inOrder(newestFirst([...openFiles, ...named]), (file) => sessionIn(file))) {
    found = true;
    yield session;
  }
  if (found) return;
  // Behind a symbolic link a directory may have any name. The sessions of a project folder share theirs.
  const areHere = new Map<string, boolean>();
  const others = transcriptFiles(claudeFolder, (name) => !place.mayBeNamed(name), onUnreadable);
  yield* inOrder(others, (file) => {
    const isKnown = areHere.get(file.projectFolder);
    if (isKnown === false) return null;
    const start = isKnown === undefined ? firstDirectory(file) : null;
    if (start !== null) areHere.set(file.projectFolder, place.includes(start));
    return sessionIn(file);
  });

  function sessionIn(file: TranscriptFile): Session | null {
    const opened = open.get(file.id);
    // `project-2` begins like everything below `project`; a look at the first records tells them apart.
    if (opened === undefined && !place.isNamed(file.projectFolder) && isSlug(file.projectFolder)) {
      const start = firstDirectory(file);
      if (start !== null && !place.includes(start)) return null;
    }
    try {
      const session = describeSession(file);
      // A transcript that was copied here and names only other directories belongs to its project folder's.
      const directory = session.directory ?? place.directoryNamed(file.projectFolder) ?? opened;
      const isHere = opened !== undefined || (directory !== undefined && place.includes(directory));
      return isHere && directory !== undefined ? { ...session, directory } : null;
    } catch (error) {
      onUnreadable(file.path, error);
      return null;
    }
  }
}

/**
 * The newest `count` sessions on this machine, in any directory: those that a person typed in before others.
 * Those in which nothing was said are left out.
 */
export function newestSessions(claudeFolder: string, count: number, onUnreadable: OnUnreadable = () => {}): Session[] {
  const sessions: Session[] = [];
  const files = transcriptFiles(claudeFolder, () => true, onUnreadable);
  const described = (file: TranscriptFile) => {
    try {
      return describeSession(file);
    } catch (error) {
      onUnreadable(file.path, error);
      return null;
    }
  };
  for (const session of inOrder(files, described)) {
    if (sessions.length >= count) break;
    sessions.push(session);
  }
  return sessions;
}

/** Of how many sessions the records are looked at where the times of files say nothing. */
const MOST_LOOKED_AT = 200;

/** The sessions of `files` (newest first) that can be gone on with, each once, by their standing. */
function* inOrder(
  files: readonly TranscriptFile[],
  sessionIn: (file: TranscriptFile) => Session | null,
): Generator<Session, void, undefined> {
  const later: Session[] = [];
  let copies: Session[] | null | undefined;
  const ids = new Set(files.map(({ id }) => id));
  const seen = new Set<string>();
  for (const file of files) {
    if (seen.has(file.id)) continue;
    const session = sessionIn(file);
    if (session === null || !ORDER.includes(session.standing)) continue;
    seen.add(file.id);
    if (session.continuedIn !== null && session.continuedIn !== file.id && ids.has(session.continuedIn)) continue;
    if (session.standing !== ORDER[0]) {
      later.push(session);
      continue;
    }
    if (copies === undefined) copies = isRestamped(session) ? [] : null;
    if (copies === null) yield session;
    else if (copies.push(session) === MOST_LOOKED_AT) {
      yield* inOrderOfUse(copies);
      copies = null;
    }
  }
  yield* inOrderOfUse(copies ?? []);
  for (const standing of ORDER.slice(1)) yield* later.filter((session) => session.standing === standing);
}

/** A directory with those below it, and those above it up to the git root. */
class Place {
  private readonly here: string;
  private readonly identity: string | null;
  private readonly upwards: readonly string[];
  private readonly identities: ReadonlySet<string>;
  /** The directory whose project folder has a name; of several the nearest. */
  private readonly byName: ReadonlyMap<string, string>;
  private readonly prefixes: readonly string[];
  /** Ends of the names that the same directories have behind a symbolic link, in lower case. */
  private readonly endings: readonly string[];
  private readonly answers = new Map<string, boolean>();

  constructor(cwd: string, { gitRoot = null, spelling }: Surroundings) {
    this.here = realPath(cwd);
    this.identity = directoryIdentity(this.here);
    this.upwards = gitRoot === null ? [this.here] : pathUp(this.here, realPath(gitRoot));
    this.identities = new Set(this.upwards.flatMap((directory) => directoryIdentity(directory) ?? []));
    const spelled = [cwd, spelling].filter((path) => path !== undefined && isAbsolute(path) && this.isHere(path));
    const names = [...this.upwards.toReversed(), ...(spelled as string[]), this.here];
    this.byName = new Map(
      names.flatMap((directory) => [...slugsOf(directory)].map((name) => [name, directory] as const)),
    );
    this.prefixes = [this.here, ...(spelled as string[])].flatMap((directory) =>
      ['NFC', 'NFD'].map((form) => slugPrefixBelow(directory.normalize(form)).toLowerCase()),
    );
    this.endings = this.upwards
      .map((directory) => basename(directory))
      .filter((name) => name !== '')
      .flatMap((name) => [...slugsOf(`/${name}`)].map((ending) => ending.toLowerCase()));
  }

  /** Whether `name` is surely that of a project folder of this place. */
  isNamed(name: string): boolean {
    return this.byName.has(name);
  }

  directoryNamed(name: string): string | undefined {
    return this.byName.get(name);
  }

  /** Whether `name` may be that of a project folder of this place, spelled in any way. */
  mayBeNamed(name: string): boolean {
    if (this.isNamed(name) || !isSlug(name)) return true;
    const lower = name.toLowerCase();
    return (
      this.prefixes.some((prefix) => lower.startsWith(prefix)) ||
      this.endings.some((ending) => lower.endsWith(ending) || lower.includes(`${ending}-`))
    );
  }

  /** Whether `directory` belongs to this place. Many sessions share one, so each is looked at once. */
  includes(directory: string): boolean {
    const answer = this.answers.get(directory) ?? this.find(directory);
    this.answers.set(directory, answer);
    return answer;
  }

  private find(directory: string): boolean {
    // A session may come from another system: its `C:\\work` must not be taken for a name in our directory.
    if (!isAbsolute(directory)) return false;
    const real = realPath(existingDirectory(directory) ?? directory);
    if (this.upwards.includes(real) || isBelow(real, this.here)) return true;
    const identity = directoryIdentity(real);
    if (identity !== null && this.identities.has(identity)) return true;
    return pathUp(real, '/')
      .slice(1)
      .some((above) => this.isHere(above));
  }

  private isHere(directory: string): boolean {
    if (directory === this.here) return true;
    return this.identity !== null && directoryIdentity(directory) === this.identity;
  }
}

/** `from` and the directories above it up to `top`; `from` alone if `top` is not above it. */
function pathUp(from: string, top: string): string[] {
  const path = [from];
  for (let directory = from; directory !== top; ) {
    const parent = dirname(directory);
    if (parent === directory) return [from];
    path.push(parent);
    directory = parent;
  }
  return path;
}

function isBelow(directory: string, top: string): boolean {
  const way = relative(top, directory);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
