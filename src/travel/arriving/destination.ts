import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, posix, resolve, sep, win32 } from 'node:path';
import { gitRootOf } from '../../claude/git-root.ts';
import { directoryIdentity, existingDirectory } from '../../claude/project-directory.ts';
import { resumePlace } from '../../claude/resume-place.ts';
import { newestSessions } from '../../claude/sessions-here.ts';
import type { TranscriptFile } from '../../claude/transcript-files.ts';
import { Failure } from '../../failure.ts';
import { errorCode } from '../../files/file-failure.ts';
import { realPath } from '../../files/real-path.ts';
import { gitRemotes, isSameRemote } from '../../process/git.ts';
import type { Manifest, Trust } from '../bundle/manifest.ts';

/** The directory that a session is going to live in. */
export interface Destination {
  /** A real path: no part of it is a symbolic link. */
  readonly directory: string;
  /** True if it is not there yet. */
  readonly isMissing: boolean;
  /** True if the user chose it. */
  readonly isChosen: boolean;
}

/** What the choice of a directory depends on. */
export interface DestinationOptions {
  readonly trust: Trust;
  /** The directory that the user named, absolute; null if none. */
  readonly into: string | null;
  /** The transcripts of the session that are here already. */
  readonly here: readonly TranscriptFile[];
  readonly claudeFolder: string;
  readonly home: string;
  readonly workingDirectory: string | null;
  readonly variables: NodeJS.ProcessEnv;
}

/** Of how many sessions on this machine the directories are looked at. */
const MOST_SESSIONS = 200;
/** How many repositories git is asked about: 5 ms each. */
const MOST_REPOSITORIES = 60;
/** How many directories are offered. */
const MOST_OFFERED = 12;

/**
 * Finds the directory of a session that comes in: the one that was named; else where it lives here already;
 * else the same path, if that is here; else a checkout of the same git remote (around the current directory,
 * else the only one among the directories of the sessions here). Else `ask` chooses among likely ones.
 *
 * What somebody else sent is never put where they say: without a directory that was named, `ask` chooses.
 *
 * Throws `usage` if the directory that was named is none, or if there is none to offer.
 */
export async function chooseDestination(
  manifest: Manifest,
  options: DestinationOptions,
  ask: (candidates: readonly string[]) => Promise<string>,
): Promise<Destination> {
  const { trust, into } = options;
  if (into !== null) return namedDestination(into);
  const living = livingPlace(options);
  const same = samePath(manifest, options);
  const found = trust === 'other' ? null : (living ?? same);
  if (found !== null) return existing(found);
  const checkouts = await checkoutsOf(manifest, options);
  const [checkout] = checkouts.near.length > 0 ? checkouts.near : checkouts.far.length === 1 ? checkouts.far : [];
  if (trust !== 'other' && checkout !== undefined) return existing(checkout);
  const candidates = distinct([
    living,
    same,
    ...checkouts.near,
    ...checkouts.far,
    sameBelowHome(manifest, options),
    options.workingDirectory,
  ]);
  if (candidates.length === 0) throw noDirectory();
  return { ...existing(await ask(candidates.slice(0, MOST_OFFERED))), isChosen: true };
}

/** A directory that the user named, which may not be there yet, or be behind links. */
function namedDestination(into: string): Destination {
  if (isDirectory(into)) return { ...existing(into), isChosen: true };
  const path = resolve(into);
  // What is to be made must be in a directory. Newer Nodes say that nothing is there below a file.
  for (let above = dirname(path); !isDirectory(above) && above !== dirname(above); above = dirname(above));
  return { directory: missingRealPath(path), isMissing: true, isChosen: true };
}

/** False if nothing is there. Throws `usage` for anything else. */
function isDirectory(path: string): boolean {
  const stats = statsOf(path);
  if (stats !== undefined && !stats.isDirectory()) {
    throw new Failure('usage', `${path} is not a directory.`, 'Name the directory that the session is to live in.');
  }
  return stats !== undefined;
}

function statsOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw new Failure(
      'usage',
      `${path} can't be used: ${errorCode(cause) ?? 'it is no path'}.`,
      'Name the directory that the session is to live in.',
      { cause },
    );
  }
}

/** What the real path of a directory will be once it has been made. */
function missingRealPath(path: string): string {
  const parent = dirname(path);
  if (parent === path) return path;
  try {
    return join(realpathSync.native(parent), basename(path));
  } catch {
    return join(missingRealPath(parent), basename(path));
  }
}

function existing(directory: string): Destination {
  return { directory: realPath(directory), isMissing: false, isChosen: false };
}

/** Where the session lives on this machine, as Claude Code would resume it; null if that is not here. */
function livingPlace({ here, workingDirectory }: DestinationOptions): string | null {
  const place = resumePlace(here, workingDirectory === null ? [] : [workingDirectory]);
  return place?.exists ? place.directory : null;
}

/**
 * The directory where it lived, if that is here too. A path of somebody else is looked for below the home
 * only: a look at others may reach for a disk or a server of theirs.
 */
function samePath(manifest: Manifest, { trust, home }: DestinationOptions): string | null {
  const { directory } = manifest;
  if (directory === null || !isOfThisSystem(manifest) || !isAbsolute(directory)) return null;
  if (trust === 'other' && !(resolve(directory) === directory && directory.startsWith(`${home}${sep}`))) return null;
  return existingDirectory(directory);
}

/** The same place below the home of this machine. */
function sameBelowHome(manifest: Manifest, { home }: DestinationOptions): string | null {
  const path = isWindows(manifest.platform) ? win32 : posix;
  if (manifest.directory === null) return null;
  const way = path.relative(manifest.home, manifest.directory);
  const names = way.split(path.sep);
  if (way === '' || path.isAbsolute(way) || names.includes('..')) return null;
  return existingDirectory(join(home, ...names));
}

const isWindows = (platform: string) => platform === 'win32';
const isOfThisSystem = ({ platform }: Manifest) => isWindows(platform) === isWindows(process.platform);

/** The same directory in checkouts of the same git remote: around the current directory, and elsewhere. */
async function checkoutsOf(
  { git }: Manifest,
  { workingDirectory, claudeFolder, variables }: DestinationOptions,
): Promise<{ readonly near: readonly string[]; readonly far: readonly string[] }> {
  const remote = git?.remote ?? null;
  if (git === null || remote === null) return { near: [], far: [] };
  const isCheckout = async (root: string) => {
    return (await gitRemotes(root, { variables })).some((there) => isSameRemote(there, remote));
  };
  const names = git.prefix === '' ? [] : git.prefix.split('/');
  const directoryIn = (root: string) => existingDirectory(join(root, ...names)) ?? null;
  const around = workingDirectory === null ? [] : rootsUp(workingDirectory);
  const sessions = newestSessions(claudeFolder, MOST_SESSIONS).flatMap(({ directory }) => directory ?? []);
  const roots = sessions.filter((directory) => isAbsolute(directory)).flatMap((directory) => rootsUp(directory));
  const others = [...new Set(roots)].filter((root) => !around.includes(root)).slice(0, MOST_REPOSITORIES);
  const within = async (candidates: readonly string[]) => {
    const found: (string | null)[] = [];
    for (const root of candidates) if (await isCheckout(root)) found.push(directoryIn(root));
    return distinct(found);
  };
  const near = await within(around);
  return { near, far: near.length > 0 ? [] : await within(others) };
}

/** The git root above a directory, and those above that one. */
function rootsUp(directory: string): string[] {
  const roots: string[] = [];
  for (let root = gitRootOf(directory); root !== null; root = gitRootOf(dirname(root))) {
    if (roots.includes(root)) break;
    roots.push(root);
  }
  return roots;
}

/** Each directory once, however it is spelled. */
function distinct(directories: readonly (string | null)[]): string[] {
  const seen = new Set<string>();
  return directories.filter((directory): directory is string => {
    const identity = directory === null ? null : directoryIdentity(directory);
    if (identity === null || seen.has(identity)) return false;
    seen.add(identity);
    return true;
  });
}

function noDirectory(): Failure {
  return new Failure(
    'usage',
    'No directory on this machine is known to be the one of this session.',
    'Name the directory that it is to live in: --into <dir>',
  );
}
