import { lstatSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { localSession } from '../../claude/local-session.ts';
import { claudeWithSession } from '../../claude/open-session.ts';
import { resumeCommand, resumeLine } from '../../claude/resume-command.ts';
import { type SessionPlace, transcriptPath } from '../../claude/session-layout.ts';
import { FOREIGN_TEXT, MOVED_TEXT, movedText, safeStartOptions } from '../../claude/start-options.ts';
import { findTranscripts } from '../../claude/transcript-files.ts';
import { Failure } from '../../failure.ts';
import { removeIfThere } from '../../files/atomic-write.ts';
import { makePrivateFolder } from '../../files/folders.ts';
import { withLock } from '../../files/lock.ts';
import { realPath } from '../../files/real-path.ts';
import { shorten } from '../../shown-text.ts';
import { describeAge } from '../../time.ts';
import type { Manifest } from '../bundle/manifest.ts';
import type { Arrived } from './arrival.ts';
import { type CopyHere, compareCopies, hasChanged } from './copies-here.ts';
import type { Destination } from './destination.ts';
import type { Imported, ImportOptions } from './importing.ts';
import { keepReplaced, replacedFolder } from './replaced.ts';
import type { Staging } from './staging.ts';

/** How long to wait for another import of the session, in milliseconds: it may read a large transcript. */
const LOCK_PATIENCE_MS = 60_000;
/** How often a session that is written to meanwhile is compared again. */
const MOST_ATTEMPTS = 3;
/** How much of a prompt is shown, in UTF-16 units. */
const MAX_PROMPT = 80;

/** What is known when all files of a session have arrived. */
export interface Arrival {
  readonly manifest: Manifest;
  readonly options: ImportOptions;
  readonly place: SessionPlace;
  readonly destination: Destination;
  readonly staging: Staging;
  readonly arrived: Arrived;
}

/**
 * Compares a session that has arrived with what is here, and moves it in place where that is right: one
 * import of a session at a time.
 *
 * Throws `refused` if the two have gone apart, if the one here is open or written to, or if a newer one lives
 * in another directory than the user chose.
 */
export async function settle(arrival: Arrival): Promise<Imported> {
  const { options, place } = arrival;
  const folder = replacedFolder(options.places.stateFolder);
  makePrivateFolder(folder);
  return withLock(join(folder, `${place.sessionId}.lock`), () => settleAlone(arrival), {
    patienceMs: LOCK_PATIENCE_MS,
  });
}

async function settleAlone(arrival: Arrival): Promise<Imported> {
  const { options, place, destination, arrived } = arrival;
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const files = findTranscripts(place.claudeFolder, place.sessionId);
    const comparison = { strict: options.trust !== 'own', hints: [destination.directory] };
    const copies = await compareCopies(files, arrived.report.lineage, comparison);
    const current = copyToGoOnWith(copies, destination);
    if (current !== null) return unchanged(arrival, current);
    const apart = copies.find(({ relation }) => relation === 'apart');
    if (apart !== undefined) throw goneApart(arrival, apart);
    if (!copies.some(hasChanged)) return moveInPlace(arrival, copies);
  }
  throw beingWritten();
}

/**
 * The copy to go on with, where what has arrived has nothing to add: a newer one, or the same in the same
 * directory. Null if it is to be moved in place.
 */
function copyToGoOnWith(copies: readonly CopyHere[], { directory, isChosen }: Destination): CopyHere | null {
  const newer = copies.filter(({ relation }) => relation === 'here is newer');
  const isThere = (copy: CopyHere) => copy.directory !== null && realPath(copy.directory) === directory;
  const usable = newer.find(isThere) ?? newer.find((copy) => !isChosen && copy.directory !== null);
  if (usable !== undefined) return usable;
  const [elsewhere] = newer;
  if (elsewhere !== undefined) throw newerElsewhere(elsewhere, directory);
  return copies.find((copy) => copy.relation === 'same' && isThere(copy)) ?? null;
}

/** Puts what has arrived in the place of the copies, all of which it contains, and reads it back. */
function moveInPlace(arrival: Arrival, copies: readonly CopyHere[]): Imported {
  const { manifest, options, place, staging, arrived } = arrival;
  const transcript = transcriptPath(place);
  const byBytes = statSync(arrived.transcript).size;
  let replaced: string | null = null;
  // Of an open session, what lies beside the transcript is not replaced either.
  mustNotBeOpen(place.claudeFolder, place.sessionId);
  const notReplaced = staging.commit(transcript, () => {
    // As late as can be: somebody may have opened it while this was asked, fetched or compared.
    mustNotBeOpen(place.claudeFolder, place.sessionId);
    if (copies.some(hasChanged)) throw beingWritten();
    mustBeNothingElse(transcript, copies);
    for (const { file } of copies) {
      replaced = keepReplaced(options.places.stateFolder, file, { byBytes, nowMs: options.now() });
    }
  });
  for (const { file } of copies) if (!isSameFile(file.path, transcript)) removeIfThere(file.path);
  const kept = notReplaced.map((path) => ({ what: basename(path), why: 'another file of that name is here' }));
  const leftHere = [...arrived.left, ...kept];
  return {
    ...readBack(arrival),
    ...firstStart(arrival, { isToBeTold: true }),
    outcome: copies.length === 0 ? 'new' : 'updated',
    replaced,
    files: staging.size.files - notReplaced.length,
    bytes: staging.size.bytes,
    left: [...manifest.left, ...leftHere],
    leftHere,
    masked: manifest.masked ?? [],
  };
}

/**
 * Throws `refused` for what stands in the place of the transcript and was not compared: a link, which is no
 * copy but is gone on with from its directory, or a file that came meanwhile.
 */
function mustBeNothingElse(transcript: string, copies: readonly CopyHere[]): void {
  if (lstatSync(transcript, { throwIfNoEntry: false }) === undefined) return;
  if (copies.some(({ file }) => isSameFile(file.path, transcript))) return;
  throw new Failure(
    'refused',
    `Something else stands in the place of the session, a link perhaps: ${transcript}`,
    'Look at what it is, move it away, and try again. Nothing was changed.',
  );
}

/** Nothing is written: the session here is as new. If it is newer, it went on here, and is one's own. */
function unchanged(arrival: Arrival, { file, relation, directory, facts }: CopyHere): Imported {
  const { manifest, options, destination } = arrival;
  const isMoved = manifest.host !== options.host || manifest.directory !== directory;
  const isToBeTold = relation === 'same' && (isMoved || options.trust === 'other');
  return {
    session: file.id,
    directory: directory ?? destination.directory,
    transcript: file.path,
    title: facts.title ?? manifest.title,
    outcome: 'unchanged',
    replaced: null,
    files: 0,
    bytes: 0,
    left: [],
    leftHere: [],
    masked: [],
    ...firstStart(arrival, { isToBeTold }),
  };
}

/** What the first start of the session needs. Of somebody else's, no start is known to be a later one. */
function firstStart(
  { manifest, options, destination }: Arrival,
  { isToBeTold }: { readonly isToBeTold: boolean },
): Pick<Imported, 'systemPrompt' | 'claudeOptions'> {
  if (options.trust === 'other') {
    return { systemPrompt: isToBeTold ? FOREIGN_TEXT : null, claudeOptions: safeStartOptions(options.claude) };
  }
  const move = { fromHost: manifest.host, fromDirectory: manifest.directory, toDirectory: destination.directory };
  // Nobody has signed the names that come over ssh, and a system prompt is no place for a stranger's words.
  const text = options.trust === 'own' ? movedText(move) : MOVED_TEXT;
  return { systemPrompt: isToBeTold ? text : null, claudeOptions: [] };
}

/** The session as Claude Code will find it. Throws `refused` if that is not what was written. */
function readBack({ place, destination }: Arrival): Pick<Imported, 'session' | 'directory' | 'transcript' | 'title'> {
  const { claudeFolder, sessionId } = place;
  const { directory } = destination;
  const local = localSession({ claudeFolder, workingDirectory: directory }, sessionId, directory);
  const isFound = local.transcript !== null && isSameFile(local.transcript, transcriptPath(place));
  if (isFound && local.defect === null && local.directory !== null && realPath(local.directory) === directory) {
    return { session: sessionId, directory, transcript: local.transcript, title: local.title };
  }
  throw new Failure(
    'refused',
    `The session was written to ${transcriptPath(place)}, but Claude Code would not find it there.`,
    'Look at what else is in that folder, and import again.',
  );
}

/** Throws `refused` where a session is open in a running `claude`, or may be. */
export function mustNotBeOpen(claudeFolder: string, session: string): void {
  const claude = claudeWithSession(claudeFolder, session);
  if (claude === null) return;
  throw new Failure(
    'refused',
    claude.isCertain
      ? `This session is open in a running claude on this machine (process ${claude.pid}), so it was not replaced.`
      : `A running claude on this machine (process ${claude.pid}) may have this session open, so it was not replaced.`,
    'End that one (/exit) and try again, or bring it in as a second session: --as-new',
  );
}

function beingWritten(): Failure {
  return new Failure(
    'refused',
    'The session on this machine is being written to, so it was not replaced.',
    'End the program that works on it, and try again.',
  );
}

function newerElsewhere({ file, directory }: CopyHere, chosen: string): Failure {
  const where = directory === null ? 'its directory is gone' : `lives in ${directory}`;
  return new Failure(
    'refused',
    `The session is on this machine already, newer than this one, and ${where}.`,
    [
      ...(directory === null ? [] : [`Go on with it there: ${resumeLine(directory, resumeCommand(file.id))}`]),
      `Or move it to ${chosen}: export it here, and import that with --into.`,
    ].join('\n'),
  );
}

/** Both sides say when somebody last said something, and what: that tells which of them to go on with. */
function goneApart({ manifest, options, arrived }: Arrival, { facts }: CopyHere): Failure {
  const there = arrived.report.facts;
  const nowMs = options.now();
  return new Failure(
    'refused',
    'This session went on here and there since it was one, so neither can take the place of the other.',
    [
      `Here: ${describeLast(facts, nowMs)}`,
      `On ${inOneLine(manifest.host)}: ${describeLast(there, nowMs)}`,
      'Go on with the one here, or bring the other in as a second session: --as-new',
    ].join('\n'),
  );
}

function describeLast({ lastPrompt, lastChangeMs }: CopyHere['facts'], nowMs: number): string {
  const when = lastChangeMs === null ? 'at an unknown time' : describeAge(Math.floor((nowMs - lastChangeMs) / 1000));
  return lastPrompt === null ? when : `"${inOneLine(lastPrompt)}", ${when}`;
}

/** Text of the other side must not look like a line of ours. */
const inOneLine = (text: string) => shorten(text.replace(/\s+/g, ' '), MAX_PROMPT);

/** Whether two paths are of one file, as behind a project folder that is a link. */
function isSameFile(a: string, b: string): boolean {
  return realPath(a) === realPath(b);
}
