import { Failure } from '../failure.ts';
import { readPublicKey } from '../identity/public-key.ts';

/** What the help of a command says of its `who`. */
export const WHO_HELP = 'who: nothing for your own key, or the public key of the publisher.';

/** A word up to this length is shown again in an error; a longer one may be a secret key by mistake. */
const MAX_SHOWN = 40;

/** The key (32 bytes) that a `who` argument names, in whatever form. Throws `usage` for anything else. */
export function parseWho(who: string): Uint8Array {
  if (who.length > MAX_SHOWN) return readPublicKey(who);
  throw new Failure(
    'usage',
    `"${who}" is not a public key: it has ${who.length} characters instead of 52.`,
    'A public key has 52 characters; its owner sees it with: cclink whoami',
  );
}
