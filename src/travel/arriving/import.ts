import { randomUUID } from 'node:crypto';
import { mkdirSync, rmdirSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { projectFolderName } from '../../claude/folders.ts';
import { lastChangeOf } from '../../claude/last-change.ts';
import { missingMcpServers } from '../../claude/mcp-servers.ts';
import { compareReleases } from '../../claude/release.ts';
import { describeSession } from '../../claude/session.ts';
import type { SessionPlace } from '../../claude/session-layout.ts';
import { findTranscripts, type TranscriptFile } from '../../claude/transcript-files.ts';
import { Failure } from '../../failure.ts';
import { fileFailure } from '../../files/file-failure.ts';
import { describeSize } from '../../size.ts';
import type { Bundle, BundledFile } from '../bundle/bundle-reader.ts';
import { type Manifest, unpackedBytes } from '../bundle/manifest.ts';
import type { PathPair } from '../paths/path-pair.ts';
import { pairsOfMove, pathRewrite } from '../paths/path-rewrite.ts';
import type { FilterOptions } from '../transcript/transcript-filter.ts';
import { type Arrived, stageFiles } from './arrival.ts';
import { chooseDestination, type Destination } from './destination.ts';
import type { ArrivingSession, Imported, ImportOptions, ImportPlan, ImportPorts } from './importing.ts';
import { sweepReplaced } from './replaced.ts';
import { mustNotBeOpen, settle } from './settle.ts';
import { Staging, sweepStaging } from './staging.ts';

/**
 * Brings a session in: finds its directory, asks, writes its files beside where they are to lie, checks them,
 * moves them in place with the transcript last, and reads them back as Claude Code will.
 *
 * Whatever ends it, the session is here as it was before or as it is in the bundle, never in between; what it
 * leaves behind is swept by the next one. A session that is open in a running `claude` is not replaced.
 *
 * Throws `refused` (damaged, over the limits, gone apart, open, no room), `usage` where somebody must be
 * asked for the directory, `interrupted` for a no.
 */
export async function importBundle(
  bundle: Pick<Bundle, 'manifest' | 'files'>,
  options: ImportOptions,
  ports: ImportPorts,
): Promise<Imported> {
  const { manifest } = bundle;
  const { claudeFolder, stateFolder } = options.places;
  sweepStaging(claudeFolder);
  sweepReplaced(stateFolder, claudeFolder, options.now());
  const session = options.asNew ? randomUUID() : manifest.session;
  mustNotBeOpen(claudeFolder, session);
  const here = findTranscripts(claudeFolder, manifest.session);
  const arriving = arrivingSession(manifest, options, here);
  ports.show(arriving);
  const destination = await chooseDestination(manifest, { ...options.places, ...options, here }, ports.chooseDirectory);
  mustHaveRoom(claudeFolder, arriving.bytes);
  await mustBeWanted(planOf(arriving, options, { session, destination }), ports);
  return inDirectory(destination, async () => {
    const projectFolder = projectFolderName(destination.directory, options.places.variables);
    const place = { claudeFolder, projectFolder, sessionId: session };
    const staging = new Staging(place);
    try {
      const files = watched(bundle.files, ports.progress);
      const changes = changesOf(manifest, options, place, destination.directory);
      const arrived = await stageFiles(files, place, staging, { trust: options.trust, ...changes });
      mustHoldConversation(arrived, place);
      await staging.sync();
      return await settle({ manifest, options, place, destination, staging, arrived });
    } finally {
      staging.discard();
    }
  });
}

/** How the session changes on its way in. */
function changesOf(
  manifest: Manifest,
  { maps, places }: ImportOptions,
  place: SessionPlace,
  directory: string,
): Pick<FilterOptions, 'rewrite' | 'newSessionId' | 'directory'> {
  const to = { ...place, directory, home: places.home, platform: process.platform };
  const named = manifest.directory ?? '';
  const rewriteWith = (more: readonly PathPair[]) => {
    const pairs = pairsOfMove({ ...manifest, sessionId: manifest.session, directory: named }, to, [...maps, ...more]);
    if (pairs.every((pair) => pair.from === pair.to)) return null;
    return pathRewrite({ pairs, fromPlatform: manifest.platform, toPlatform: process.platform });
  };
  const isNewId = place.sessionId !== manifest.session;
  const newSessionId = isNewId ? { from: manifest.session, to: place.sessionId } : null;
  const rewrite = rewriteWith([]);
  if ((rewrite?.inPath(named) ?? named) === directory) return { rewrite, newSessionId, directory: named };
  // What the manifest says is none, or lies elsewhere here: `/`, say, or a part of somebody's home. What the
  // records of somebody else are given in place of it is a name that nobody can foresee.
  const unforeseen = `${manifest.platform === 'win32' ? 'C:\\' : '/'}${randomUUID()}`;
  return { rewrite: rewriteWith([{ from: unforeseen, to: directory }]), newSessionId, directory: unforeseen };
}

function arrivingSession(
  manifest: Manifest,
  { trust }: ImportOptions,
  here: readonly TranscriptFile[],
): ArrivingSession {
  const changes = here.map(({ path }) => lastChangeOf(path)).filter((time) => time !== null);
  return {
    manifest,
    trust,
    bytes: unpackedBytes(manifest),
    lastChangeHereMs: changes.length === 0 ? null : Math.max(...changes),
  };
}

function planOf(
  arriving: ArrivingSession,
  { claude, places }: ImportOptions,
  { session, destination }: { readonly session: string; readonly destination: Destination },
): ImportPlan {
  const { manifest } = arriving;
  const { directory, isMissing } = destination;
  return {
    ...arriving,
    session,
    directory,
    makesDirectory: isMissing,
    missingServers: missingMcpServers(manifest.mcpServers, directory, places),
    olderClaude: olderThan(manifest.claudeVersion, claude.version),
  };
}

/** `here`, if that version is older than `there`. */
function olderThan(there: string | null, here: string | null): string | null {
  return there !== null && here !== null && compareReleases(here, there) < 0 ? here : null;
}

async function mustBeWanted(plan: ImportPlan, ports: ImportPorts): Promise<void> {
  if (!(await ports.confirm(plan))) throw new Failure('interrupted', 'Not imported; nothing was changed.');
}

/** The files of a bundle; `progress` is told of what is read of them. */
async function* watched(
  files: AsyncIterable<BundledFile>,
  progress: ImportPorts['progress'],
): AsyncGenerator<BundledFile> {
  for await (const file of files) yield { ...file, content: watchedContent(file.content, progress) };
}

async function* watchedContent(
  content: AsyncIterable<Buffer>,
  progress: ImportPorts['progress'],
): AsyncGenerator<Buffer> {
  for await (const block of content) {
    progress(block.length);
    yield block;
  }
}

/** Runs `work` with the directory there, made if it is missing; if that fails it is taken away again. */
async function inDirectory<T>({ directory, isMissing }: Destination, work: () => Promise<T>): Promise<T> {
  let first: string | undefined;
  try {
    first = isMissing ? makeDirectory(directory) : undefined;
    // The name `.` in it can't be looked up without the right to enter.
    statSync(`${directory}/.`);
  } catch (error) {
    throw fileFailure(isMissing ? 'create' : 'read', directory, error);
  }
  try {
    return await work();
  } catch (error) {
    if (first !== undefined) removeUpTo(directory, first);
    throw error;
  }
}

/**
 * Makes a directory and those above it that are missing; returns the first. Not by Node's `recursive`, which
 * tries for ever where the system says of a directory that is there that it is not, as in `/proc`.
 */
function makeDirectory(path: string): string {
  const missing = [path];
  for (let parent = dirname(path); !isThere(parent); parent = dirname(parent)) missing.unshift(parent);
  for (const each of missing) if (!isThere(each)) mkdirSync(each);
  return missing[0] ?? path;
}

const isThere = (path: string) => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** Removes an empty directory and those above it, up to `first`. */
function removeUpTo(directory: string, first: string): void {
  try {
    for (let path = directory; path.length >= first.length; path = dirname(path)) rmdirSync(path);
  } catch {
    // Something was put there meanwhile.
  }
}

/** Throws `refused` where the disk has no room for `bytes`. */
function mustHaveRoom(claudeFolder: string, bytes: number): void {
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(existingParent(claudeFolder));
    free = bavail * bsize;
  } catch {
    return; // where the system doesn't tell, writing will
  }
  if (bytes <= free) return;
  throw new Failure(
    'refused',
    `There is no room for this session: it takes ${describeSize(bytes)}, and ${claudeFolder} has ${describeSize(free)} left.`,
    'Make room on that disk and try again. Nothing was changed.',
  );
}

function existingParent(path: string): string {
  return isThere(path) || dirname(path) === path ? path : existingParent(dirname(path));
}

/** Throws `refused` for a transcript in which nothing was said, or nothing is left. */
function mustHoldConversation({ transcript }: Arrived, { projectFolder, sessionId }: SessionPlace): void {
  const { size, mtimeMs } = statSync(transcript);
  const file = { id: sessionId, path: transcript, projectFolder, modifiedMs: mtimeMs, size };
  if (describeSession(file).standing !== 'empty') return;
  throw new Failure(
    'refused',
    'What was sent holds no conversation that Claude Code could go on with, so it was not imported.',
    'Look at what it is with --inspect, and ask whoever sent it.',
  );
}
