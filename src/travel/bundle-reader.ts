import type { SessionFileKind } from '../claude/session-layout.ts';
import type { AgeKeys } from '../crypto/age-file.ts';
import type { Manifest } from './manifest.ts';

/** A file in a bundle. Its content can be read once, before the next file is asked for. */
export interface BundledFile {
  readonly name: string;
  readonly kind: SessionFileKind;
  readonly bytes: number;
  /** Throws at its end if the digest is not the manifest's. What is not read is skipped, but checked too. */
  readonly content: AsyncIterable<Buffer>;
}

/** A bundle whose manifest has been read and verified. */
export interface Bundle {
  readonly manifest: Manifest;
  /** The 32-byte key that signed the manifest; null if nobody did. */
  readonly signer: Uint8Array | null;
  /** The manifest's bytes, which were signed. */
  readonly manifestBytes: Buffer;
  /**
   * The files in the manifest's order, to be read once. It ends only after the whole bundle was read and
   * checked to its last byte: until then nothing of it may be used.
   */
  readonly files: AsyncIterable<BundledFile>;
  /** Bytes read from the source so far, as sealed. */
  bytesRead(): number;
  /** Stops reading and closes the source. Does nothing after the end. */
  close(): Promise<void>;
}

/**
 * Opens a bundle and reads its manifest, and no further than that: about a megabyte.
 *
 * Throws `cannot-open` if none of the keys opens it; a `BundleFailure` if it is damaged, forged, over the
 * limits, of a newer format, or no bundle at all. So do `files` and their contents.
 */
export function readBundle(_source: AsyncIterable<Uint8Array>, _keys: AgeKeys): Promise<Bundle> {
  throw new Error('not yet');
}
