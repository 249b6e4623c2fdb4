import type { Dht } from '../dht/client.ts';
import { cclinkText, withoutCclink } from '../dht/packet.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { rememberIfPossible } from './memory.ts';
import { changeOwnPacket, type OwnPacketOptions } from './own-packet.ts';

/**
 * Takes a handoff back: publishes the key's packet without it. The key's other records stay.
 *
 * `text` is the record that the user was shown; another one is never touched. Returns how many nodes hold the new packet, 0
 * if nothing stood there any more. Throws `refused` if another handoff stands there now, and `not-burnt` where the
 * revocation did not reach enough nodes.
 */
export async function revoke(dht: Dht, identity: Identity, text: string, options: OwnPacketOptions): Promise<number> {
  const name = encodePublicKey(identity.publicKey);
  try {
    const changed = await changeOwnPacket(
      dht,
      identity,
      (packet) => {
        const current = cclinkText(packet, name);
        if (current === null) return null;
        if (current !== text) throw replaced();
        return withoutCclink(packet, name);
      },
      options,
    );
    if (changed === null) return 0;
    rememberIfPossible(options.stateFolder, identity.publicKey, { seq: changed.seq, revoked: true });
    return changed.nodes;
  } catch (error) {
    if (error instanceof Failure && error.code === 'network') {
      throw new Failure('not-burnt', `The handoff could not be taken back. ${error.message}`, error.hint, {
        cause: error,
      });
    }
    throw error;
  }
}

function replaced(): Failure {
  return new Failure(
    'refused',
    'Another handoff has been published under this key since; it was left alone.',
    'Look again: cclink list',
  );
}
