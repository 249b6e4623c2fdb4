import { Failure } from '../failure.ts';
import type { Manifest, Trust } from './manifest.ts';

/** By whom a bundle is expected to be. */
export interface Expected {
  /** The own public key (32 bytes); null if there is none, or it is not proven to be the own one. */
  readonly own: Uint8Array | null;
  /** The key (32 bytes) that the user named with `--from`. */
  readonly from: Uint8Array | null;
  /** True if it comes from a host that the user named, over ssh. */
  readonly overSsh: boolean;
}

/**
 * How far a bundle is trusted, by who signed it (32 bytes; null: nobody, docs/PROTOCOL.md "The bundle").
 *
 * Throws `refused` if it was sealed again for somebody whom its signer did not mean, or if not the expected
 * key signed it.
 */
export function trustOf(_manifest: Manifest, _signer: Uint8Array | null, _expected: Expected): Trust {
  throw new Failure('internal', 'Not built yet.');
}
