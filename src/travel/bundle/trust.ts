import { Failure } from '../../failure.ts';
import { encodePublicKey, readPublicKey, samePublicKey } from '../../identity/public-key.ts';
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
export function trustOf(manifest: Manifest, signer: Uint8Array | null, { own, from, overSsh }: Expected): Trust {
  if (from !== null && (signer === null || !samePublicKey(signer, from))) throw notFrom(from, signer);
  if (signer === null) return overSsh ? 'ssh' : 'other';
  if (own !== null && samePublicKey(signer, own)) return 'own';
  if (!isMeantFor(manifest, own)) throw sealedAgain(signer);
  return 'other';
}

/** Whether the signer of a manifest meant it for this reader. For an age key nothing is ever signed. */
function isMeantFor({ audience }: Manifest, own: Uint8Array | null): boolean {
  switch (audience.mode) {
    case 'pin':
      return true;
    case 'share':
      return own !== null && samePublicKey(readPublicKey(audience.publicKey), own);
    case 'self':
    case 'recipient':
      return false;
  }
}

function notFrom(from: Uint8Array, signer: Uint8Array | null): Failure {
  const actual = signer === null ? 'nobody signed it' : `${encodePublicKey(signer)} signed it`;
  return new Failure(
    'refused',
    `This session is not from ${encodePublicKey(from)}: ${actual}.`,
    'Ask whoever gave it to you where it comes from.',
  );
}

function sealedAgain(signer: Uint8Array): Failure {
  return new Failure(
    'refused',
    `${encodePublicKey(signer)} did not seal this session for you: somebody who could open it has sealed it again.`,
    'Do not trust it: ask its owner to export it for you.',
  );
}
