import type { Dht, Resolution } from '../dht/client.ts';
import { signItem } from '../dht/mutable-item.ts';
import { EMPTY_PACKET, encodePacket, type Packet, parsePacket } from '../dht/packet.ts';
import type { Identity } from '../identity/unlock.ts';
import { nextSeq, recall, remember } from './memory.ts';

/** How to reach the packet under the own key. */
export interface OwnPacketOptions {
  /** The clock, in Unix milliseconds. */
  readonly now: number;
  /** Where the last `seq` is remembered. */
  readonly stateFolder: string;
  /** A look-up of the same key to start from. */
  readonly from?: Resolution;
  readonly signal?: AbortSignal;
}

/**
 * Changes the packet that stands under the own key, and signs it under a higher `seq` than any seen.
 *
 * `change` is given the newest packet, and again a newer one if somebody else published meanwhile; null leaves everything as
 * it is, and what it throws reaches the caller. Resolves to the `seq` of the new packet and the number of nodes that hold it, or
 * to null where there was nothing to change. Throws `network` as `Dht.update` does.
 */
export async function changeOwnPacket(
  dht: Dht,
  identity: Identity,
  change: (packet: Packet) => Packet | null | Promise<Packet | null>,
  { now, stateFolder, ...walk }: OwnPacketOptions,
): Promise<{ seq: number; nodes: number } | null> {
  const { publicKey, seed } = identity;
  let tries = 0;
  let changes = false;
  let refusal: { readonly reason: unknown } | null = null;

  const { item, nodes } = await dht.update(
    publicKey,
    async (newest) => {
      const packet = newest === null ? EMPTY_PACKET : parsePacket(newest.value);
      refusal = null;
      const changed = await Promise.resolve(packet)
        .then(change)
        .catch((reason: unknown) => {
          refusal = { reason };
          return null;
        });
      changes = changed !== null;
      // Our last try may stand on a node that held nothing, above what it was not meant to replace: that is put above it again.
      const putsBack = changed === null && newest !== null && tries > 0;
      if (changed === null && !putsBack) return null;

      const memory = recall(stateFolder, publicKey);
      const seq = nextSeq(now, newest?.seq ?? 0, memory.seq);
      const value = changed === null ? (newest?.value ?? new Uint8Array()) : encodePacket(changed);
      // Remembered before it is sent: a crash in between must not let a later packet take the same number.
      remember(stateFolder, publicKey, { ...memory, seq });
      tries += 1;
      return signItem(seed, publicKey, seq, value);
    },
    walk,
  );
  const { reason } = (refusal as { readonly reason: unknown } | null) ?? {};
  if (reason !== undefined) throw reason;
  return item === null || !changes ? null : { seq: item.seq, nodes };
}
