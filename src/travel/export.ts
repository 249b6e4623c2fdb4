import type { Session } from '../claude/session.ts';
import type { SessionContents } from '../claude/session-contents.ts';
import type { AgeRecipient } from '../crypto/age-file.ts';
import { Failure } from '../failure.ts';
import { streamToFile } from '../files/stream-to-file.ts';
import type { GitFacts } from '../process/git.ts';
import { shorten } from '../shown-text.ts';
import { ContentChanged, writeBundle } from './bundle/bundle-writer.ts';
import { MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES } from './bundle/limits.ts';
import { BUNDLE_FORMAT, type BundleAudience, isPrefix, type Loss, type Manifest } from './bundle/manifest.ts';
import { type Departure, departureOf } from './departing-file.ts';
import { lossOfBackup } from './harmful-kinds.ts';
import type { TranscriptFacts } from './transcript/transcript-facts.ts';

/** What is to be exported, for whom, and what only the caller knows. */
export interface ExportOptions {
  /** As `describeSession` tells it. */
  readonly session: Session;
  readonly audience: BundleAudience;
  /** Who is going to sign it (z-base-32); null if nobody is. */
  readonly from: string | null;
  readonly handoff: Manifest['handoff'];
  readonly withoutThinking: boolean;
  readonly git: GitFacts | null | Promise<GitFacts | null>;
  readonly machine: { readonly home: string; readonly host: string; readonly platform: NodeJS.Platform };
  /** The clock, in Unix milliseconds. */
  readonly nowMs: number;
  /** Is told how many bytes of the session were read since the last time. Each is read twice. */
  readonly onRead?: (bytes: number) => void;
}

/** Signs with the key that a manifest names: 64 bytes, Ed25519. Null: nobody signs. */
type Sign = ((message: Uint8Array) => Uint8Array) | null;

/** A session that is ready to leave: read once, so that its manifest is known. */
export interface PreparedExport {
  readonly manifest: Manifest;
  /** What the files amount to in the bundle, not compressed, in bytes. */
  readonly bytes: number;
  /**
   * The sealed bundle, for which the session is read once more. Throws `ContentChanged` if a file is not what
   * it was: what came so far is worth nothing then.
   */
  stream(recipient: AgeRecipient, sign: Sign): AsyncIterable<Buffer>;
  /** Closes the transcript, which stays open so that one that is renamed meanwhile can be read to its end. */
  close(): void;
}

/** How often a session is read again that was changed while it was read. */
const MOST_TRIES = 3;
/** UTF-16 units that are kept of a title, a prompt, or what was left out: they are only shown. */
const LONGEST_TEXT = 500;

/**
 * Reads a session once, and says what its bundle will hold. A transcript that grows is cut at its last whole
 * record. One that is written anew meanwhile (Claude Code compacts it) is read again, with what `contents`
 * finds then.
 *
 * Throws `ContentChanged` if that happens each time, and `refused` if the session can't be read, or is too
 * large to be imported.
 */
export function prepareExport(contents: () => SessionContents, options: ExportOptions): Promise<PreparedExport> {
  return whileUnchanged(() => prepareOnce(contents(), options));
}

/**
 * Writes a session, sealed, to a file (0600): whole or not at all, as `streamToFile` does. Begins again where
 * the session is changed meanwhile. Null if the name is taken and may not be replaced.
 *
 * Throws as `prepareExport` and `streamToFile` do.
 */
export function exportToFile(
  path: string,
  contents: () => SessionContents,
  options: ExportOptions,
  {
    recipient,
    sign,
    mayReplace,
  }: { readonly recipient: AgeRecipient; readonly sign: Sign; readonly mayReplace: boolean },
): Promise<{ readonly manifest: Manifest; readonly bytes: number } | null> {
  return whileUnchanged(async () => {
    const prepared = await prepareOnce(contents(), options);
    try {
      const bytes = await streamToFile(path, prepared.stream(recipient, sign), { mayReplace });
      return bytes === null ? null : { manifest: prepared.manifest, bytes };
    } finally {
      prepared.close();
    }
  });
}

async function whileUnchanged<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ContentChanged) || tries === MOST_TRIES) throw error;
    }
  }
}

async function prepareOnce(contents: SessionContents, options: ExportOptions): Promise<PreparedExport> {
  const load = new Load(contents, options);
  try {
    for (const file of contents.files) await load.take(file);
    const manifest = manifestOf(contents, options, await options.git, load);
    return {
      manifest,
      bytes: load.bytes,
      stream: (recipient, sign) => writeBundle(manifest, sign, load.files(), recipient),
      close: () => load.close(),
    };
  } catch (error) {
    load.close();
    throw error;
  }
}

/** The files that have been read once. */
class Load {
  readonly left: Loss[];
  readonly departures: Departure[] = [];
  bytes = 0;
  readonly #options: ExportOptions;
  readonly #names = new Set<string>();

  constructor({ left }: SessionContents, options: ExportOptions) {
    this.left = [...left];
    this.#options = options;
  }

  get facts(): TranscriptFacts | null {
    return this.departures[0]?.facts ?? null;
  }

  /** Reads a file, and leaves it where nobody could import it: but not the transcript. */
  async take(file: SessionContents['files'][number]): Promise<void> {
    const { audience, session, withoutThinking, onRead = () => {} } = this.#options;
    const isTranscript = file.kind === 'transcript';
    const why = this.#whyNot(file);
    if (why !== null && isTranscript) throw new Failure('refused', `The session ${why}.`, HINT_TOO_LARGE);
    if (why !== null) return void this.left.push({ what: file.name, why });
    const { directory } = session;
    const filter = { strict: audience.mode !== 'self', keepThinking: !withoutThinking, directory };
    const backupsKept = this.departures[0]?.backupsKept ?? null;
    const orphan = file.kind === 'file history' ? lossOfBackup(file.name, backupsKept) : null;
    const departure = orphan ?? (await departureOf(file, filter, onRead));
    if ('why' in departure) {
      if (!this.left.some(({ what }) => what === departure.what)) this.left.push(departure);
      return;
    }
    this.#names.add(file.name.toLowerCase());
    this.departures.push(departure);
    this.bytes += departure.bytes;
    for (const { what, why } of departure.left) {
      this.left.push({ what: isTranscript ? what : `${what} in ${file.name}`, why });
    }
  }

  async *files() {
    for (const { file, bytes, content } of this.departures) yield { name: file.name, bytes, content: content() };
  }

  close(): void {
    for (const departure of this.departures) departure.close();
  }

  #whyNot({ name, size }: SessionContents['files'][number]): string | null {
    if (size > MAX_FILE_BYTES || this.bytes + size > MAX_TOTAL_BYTES) return 'is too large';
    if (this.departures.length >= MAX_FILES) return 'is one file too many';
    return this.#names.has(name.toLowerCase()) ? 'has the name of another on some systems' : null;
  }
}

const HINT_TOO_LARGE = 'Let Claude Code compact it first: /compact';

function manifestOf(
  { place }: SessionContents,
  { session, audience, from, handoff, machine, nowMs }: ExportOptions,
  git: GitFacts | null,
  load: Load,
): Manifest {
  const { facts } = load;
  const cut = (text: string | null | undefined) => (text == null ? null : shorten(text, LONGEST_TEXT));
  return {
    format: BUNDLE_FORMAT,
    session: place.sessionId,
    title: cut(session.title ?? facts?.title),
    turns: facts?.turns ?? 0,
    lastPrompt: cut(facts?.lastPrompt),
    lastChange: timeOf(facts?.lastChangeMs ?? null),
    directory: session.directory,
    home: machine.home,
    claudeFolder: place.claudeFolder,
    projectFolder: place.projectFolder,
    platform: machine.platform,
    host: machine.host,
    claudeVersion: facts?.claudeVersion ?? null,
    git: git !== null && isPrefix(git.prefix) ? git : null,
    tools: facts?.tools ?? [],
    mcpServers: facts?.mcpServers ?? [],
    from,
    audience,
    createdAt: new Date(nowMs).toISOString(),
    handoff,
    files: load.departures.map(({ file, bytes, sha256 }) => ({ name: file.name, bytes, sha256 })),
    left: load.left.map(({ what, why }) => ({ what: shorten(what, LONGEST_TEXT), why: shorten(why, LONGEST_TEXT) })),
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString();
}
