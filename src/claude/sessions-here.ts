import { dirname, isAbsolute, relative, sep } from 'node:path';
import { realPath } from '../files/real-path.ts';
import { isSlug, slugOf, slugPrefixBelow } from './folders.ts';
import { describeSession, firstDirectory, type Session } from './session.ts';
import { transcriptFiles } from './transcript-files.ts';

/**
 * The sessions whose directory is `cwd`, below it, or above it up to `gitRoot` (if given): first those whose
 * ids are in `first`, then the others, each newest first. Sessions in which nobody said anything are left
 * out.
 *
 * Lists only project folders whose names may fit, and opens a transcript only when its turn comes.
 */
export function* sessionsOf(
  claudeFolder: string,
  cwd: string,
  gitRoot: string | null,
  first: ReadonlySet<string> = new Set(),
): Generator<Session, void, undefined> {
  const here = realPath(cwd);
  const upwards = gitRoot === null ? [here] : pathUp(here, realPath(gitRoot));
  const bySlug = new Map(upwards.toReversed().map((directory) => [slugOf(directory), directory]));
  const below = slugPrefixBelow(here);
  const files = transcriptFiles(claudeFolder, (name) => bySlug.has(name) || name.startsWith(below) || !isSlug(name));
  const isHere = memoized((directory) => upwards.includes(directory) || isBelow(directory, here));

  for (const file of [...files.filter(({ id }) => first.has(id)), ...files.filter(({ id }) => !first.has(id))]) {
    // `project-2` begins like everything below `project`; a look at the first records tells them apart.
    if (!bySlug.has(file.projectFolder) && isSlug(file.projectFolder)) {
      const start = firstDirectory(file);
      if (start !== null && !isHere(start)) continue;
    }
    const session = describeSession(file);
    // A transcript that was copied here and names only other directories belongs to its project folder's.
    const directory = session.directory ?? bySlug.get(file.projectFolder);
    if (session.hasConversation && directory !== undefined && isHere(directory)) yield { ...session, directory };
  }
}

/**
 * The newest `count` sessions on this machine, in any directory. Sessions in which nobody said anything are
 * left out.
 */
export function newestSessions(claudeFolder: string, count: number): Session[] {
  const newest: Session[] = [];
  for (const file of transcriptFiles(claudeFolder)) {
    if (newest.length >= count) break;
    const session = describeSession(file);
    if (session.hasConversation) newest.push(session);
  }
  return newest;
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
  // A session may come from another system: its `C:\\work` must not be taken for a name in our directory.
  if (!isAbsolute(directory)) return false;
  const way = relative(top, directory);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** `test` of the real path, run once per directory: many sessions share one. */
function memoized(test: (realDirectory: string) => boolean): (directory: string) => boolean {
  const answers = new Map<string, boolean>();
  return (directory) => {
    const answer = answers.get(directory) ?? test(realPath(directory));
    answers.set(directory, answer);
    return answer;
  };
}
