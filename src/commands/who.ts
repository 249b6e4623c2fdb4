import { Failure } from '../failure.ts';
import { parsePublicKey } from '../identity/public-key.ts';

/** The key (32 bytes) that a `who` argument names. Throws `usage` for anything else. */
export function parseWho(who: string): Uint8Array {
  if (!/^(pk:)?[a-z0-9]{40,64}$/i.test(who)) {
    throw new Failure(
      'usage',
      `"${who}" is not a public key.`,
      'A public key has 52 characters; its owner sees it with: cclink whoami',
    );
  }
  return parsePublicKey(who);
}
