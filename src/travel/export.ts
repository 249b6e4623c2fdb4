import type { Session } from '../claude/session.ts';
import type { SessionContents } from '../claude/session-contents.ts';
import type { GitFacts } from '../process/git.ts';
import type { BundleAudience, Manifest } from './manifest.ts';

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
  /** Is told how many bytes of the session were read since the last time, also while the bundle is written. */
  readonly onRead?: (bytes: number) => void;
}

/** A session that is ready to leave: read once, so that its manifest is known. Its files are open. */
export interface PreparedExport {
  readonly manifest: Manifest;
  /** What the files amount to in the bundle, not compressed, in bytes. */
  readonly bytes: number;
  /** What will be read while the bundle is written, in bytes: all of it is told to `onRead`. */
  readonly bytesToRead: number;
  /**
   * The sealed bundle. Can be made once. `sign` returns the Ed25519 signature of the key that `from` names.
   * Throws `ChangedMeanwhile` if a file is not what it was when it was read before.
   */
  stream(recipient: AgeRecipient, sign: ((bytes: Uint8Array) => Uint8Array) | null): AsyncIterable<Buffer>;
  close(): void;
}

/** A file of the session was written anew while it was read: begin again. */
export class ChangedMeanwhile extends Error {
  override readonly name = 'ChangedMeanwhile';
}

/**
 * Reads a session once, and says what its bundle will hold. A transcript that grows is cut at its last whole
 * record. If it is compacted meanwhile, it is read again, up to three times.
 *
 * Throws `refused` if it changes each time, or can't be read.
 */
export async function prepareExport(_contents: SessionContents, _options: ExportOptions): Promise<PreparedExport> {
  throw new Error('not yet');
}

/**
 * Prepares a session and writes it, sealed, to a file (0600): whole or not at all, by way of `~<random>.tmp`
 * beside it. Begins again where the session changes meanwhile. Null if `path` exists and may not be replaced.
 *
 * Throws `refused` as `prepareExport`, or if the file can't be written.
 */
export async function exportToFile(
  _path: string,
  _contents: () => SessionContents,
  _options: ExportOptions,
  _seal: { readonly recipient: AgeRecipient; readonly sign: ((bytes: Uint8Array) => Uint8Array) | null },
  _file: { readonly mayReplace: boolean },
): Promise<{ readonly manifest: Manifest; readonly bytes: number } | null> {
  throw new Error('not yet');
}

// Until crypto/age-file.ts is there.
type AgeRecipient =
  | { readonly kind: 'x25519'; readonly publicKey: Uint8Array }
  | { readonly kind: 'passphrase'; readonly passphrase: Uint8Array };
