import type { Dht, Resolution } from '../dht/client.ts';
import { cclinkText, parsePacket } from '../dht/packet.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { isLive, parseRecord, type SignedRecord } from './record.ts';

/** What stands under a key now. */
export interface Lookup {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The newest handoff, verified; null if there is none. It may have expired. */
  readonly record: SignedRecord | null;
  /** The `seq` (microseconds) of the newest packet; null if there is no packet. */
  readonly seq: number | null;
  /** The walk that found it; an update can start from it. */
  readonly resolution: Resolution;
}

/**
 * Resolves a key (32 bytes) and verifies what the newest packet holds: both signatures, and that the record names this key.
 *
 * Throws `network` where no node answered, and `refused` for a packet or record that is malformed, forged, or stands twice.
 */
export async function lookUp(dht: Dht, publicKey: Uint8Array, signal?: AbortSignal): Promise<Lookup> {
  const resolution = await dht.resolve(publicKey, signal ? { signal } : {});
  if (resolution.conflict) {
    throw new Failure(
      'refused',
      'Two different packets with the same number stand under this key: it was used on two machines at once.',
      'Publish again from one machine; then the newer packet counts everywhere.',
    );
  }
  if (resolution.newest === null) return { publicKey, record: null, seq: null, resolution };
  const text = cclinkText(parsePacket(resolution.newest.value), encodePublicKey(publicKey));
  const record = text === null ? null : parseRecord(text, publicKey);
  return { publicKey, record, seq: resolution.newest.seq, resolution };
}

/** The record of a look-up if it is live at `now` (Unix seconds), else null. Throws `refused` for one from the future. */
export function liveRecord(lookup: Lookup, now: bigint): SignedRecord | null {
  return lookup.record !== null && isLive(lookup.record, now) ? lookup.record : null;
}
