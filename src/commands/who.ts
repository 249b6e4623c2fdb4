import { Failure } from '../failure.ts';
import { parsePublicKey } from '../identity/public-key.ts';

/** The key (32 bytes) that a `who` argument names. Throws `usage` for anything else. */
export function parseWho(who: string): Uint8Array {
  const key = who.trim().replace(/^pk:/i, '');
  if (key.length !== 52) {
    throw new Failure(
      'usage',
      `"${who}" is not a public key: it has ${key.length} characters instead of 52.`,
      'A public key has 52 characters; its owner sees it with: cclink whoami',
    );
  }
  return parsePublicKey(key);
}
