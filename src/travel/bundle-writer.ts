import type { AgeRecipient } from '../crypto/age-file.ts';
import { Failure } from '../failure.ts';
import type { Manifest } from './manifest.ts';

/** A file on its way into a bundle: `bytes` is its size, `content` gives exactly those. */
export interface BundleContent {
  readonly name: string;
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** A file gave other bytes than the manifest says: it was changed after it had been measured. */
export class ContentChanged extends Failure {}

/**
 * A sealed bundle (docs/PROTOCOL.md, "The bundle"). `files` must be those of the manifest, in its order. With
 * `sign` (which returns 64 bytes, Ed25519) the manifest is signed; `manifest.from` must name that key.
 *
 * Throws `ContentChanged` if a file differs from the manifest: what was written so far is worth nothing.
 */
export function writeBundle(
  _manifest: Manifest,
  _sign: ((message: Uint8Array) => Uint8Array) | null,
  _files: AsyncIterable<BundleContent>,
  _recipient: AgeRecipient,
): AsyncIterable<Buffer> {
  throw new Error('not yet');
}
