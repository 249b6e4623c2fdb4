import type { Dht, Resolution } from '../dht/client.ts';
import { signItem } from '../dht/mutable-item.ts';
import { cclinkText, encodePacket, parsePacket, withoutCclink } from '../dht/packet.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { nextSeq, recall, remember } from './memory.ts';

/**
 * Takes a handoff back: publishes the key's packet without it. The key's other records stay.
 *
 * `text` is the record that the user was shown; another one is never touched. Returns how many nodes hold the new packet, 0
 * if nothing stood there any more. Throws `refused` if another handoff stands there now, and `not-burnt` where the
 * revocation did not reach enough nodes.
 */
export async function revoke(
  dht: Dht,
  identity: Identity,
  text: string,
  options: { now: number; stateFolder: string; from?: Resolution; signal?: AbortSignal },
): Promise<number> {
  const { now, stateFolder, ...walk } = options;
  const name = encodePublicKey(identity.publicKey);
  try {
    const publication = await dht.update(
      identity.publicKey,
      (newest) => {
        const packet = newest === null ? null : parsePacket(newest.value);
        const current = packet === null ? null : cclinkText(packet, name);
        if (newest === null || packet === null || current === null) return null;
        if (current !== text) {
          throw new Failure(
            'refused',
            'Another handoff has been published under this key since; it was left alone.',
            'Look again: cclink list',
          );
        }
        const memory = recall(stateFolder, identity.publicKey);
        const seq = nextSeq(now, newest.seq, memory.seq);
        remember(stateFolder, identity.publicKey, { ...memory, seq });
        return signItem(identity.seed, identity.publicKey, seq, encodePacket(withoutCclink(packet, name)));
      },
      walk,
    );
    if (publication.item !== null) {
      remember(stateFolder, identity.publicKey, { seq: publication.item.seq, revoked: true });
    }
    return publication.nodes;
  } catch (error) {
    if (error instanceof Failure && error.code === 'network') {
      throw new Failure('not-burnt', `The handoff could not be taken back. ${error.message}`, error.hint, {
        cause: error,
      });
    }
    throw error;
  }
}
