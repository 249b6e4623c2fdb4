import type { SessionContents } from '../../claude/session-contents.ts';
import type { AgeRecipient } from '../../crypto/age-file.ts';
import { streamToFile } from '../../files/stream-to-file.ts';
import type { GitFacts } from '../../process/git.ts';
import { ContentChanged, writeBundle } from '../bundle/bundle-writer.ts';
import type { Manifest } from '../bundle/manifest.ts';
import { departureOf } from './departing-file.ts';
import { type ManifestOptions, manifestOf } from './departing-manifest.ts';
import { DepartingSession } from './departing-session.ts';

/** What is to be exported, for whom, and what only the caller knows. */
export interface ExportOptions extends ManifestOptions {
  readonly withoutThinking: boolean;
  readonly git: GitFacts | null | Promise<GitFacts | null>;
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

/** Does `work` again where the session was changed meanwhile: what it read may not fit together. */
export async function whileUnchanged<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ContentChanged) || tries === MOST_TRIES) throw error;
    }
  }
}

async function prepareOnce(contents: SessionContents, options: ExportOptions): Promise<PreparedExport> {
  const { audience, session, withoutThinking, onRead = () => {} } = options;
  const departing = { strict: audience.mode !== 'self', keepThinking: !withoutThinking, directory: session.directory };
  const leaving = new DepartingSession(contents.left);
  try {
    for (const file of contents.files) await leaving.take(file, () => departureOf(file, departing, onRead));
    const manifest = manifestOf(contents.place, options, await options.git, leaving);
    return {
      manifest,
      bytes: leaving.bytes,
      stream: (recipient, sign) => writeBundle(manifest, sign, leaving.files(), recipient),
      close: () => leaving.close(),
    };
  } catch (error) {
    leaving.close();
    throw error;
  }
}
