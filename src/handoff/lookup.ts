import type { Dht, OperationOptions, Resolution, ResolveOptions } from '../dht/client.ts';
import { parsePacket } from '../dht/dns-packet.ts';
import type { MutableItem } from '../dht/mutable-item.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { isLive, parseRecord, type SignedRecord } from './record.ts';
import { HANDOFF_TXT } from './txt-record.ts';

/** What stands under a key now. */
export interface Lookup {
  /** The newest handoff, verified; null if there is none. It may have expired. */
  readonly record: SignedRecord | null;
  /** The `seq` (microseconds) of the newest packet; null if there is no packet. */
  readonly seq: number | null;
  /** The walk that found it; an update can start from it. */
  readonly resolution: Resolution;
}

/** A live handoff that was met on the way. An older one than the newest may have been met first. */
interface Sighting {
  readonly record: SignedRecord;
  /** The `seq` (microseconds) of its packet. */
  readonly seq: number;
}

/** A look-up that is under way. */
export interface Search {
  /** What the first packet holds, as soon as it is there; null if that is no live handoff. Never rejects. */
  readonly first: Promise<Sighting | null>;
  /** What stands there, once the closest nodes have answered. Rejects as `lookUp` does. */
  readonly newest: Promise<Lookup>;
}

/** Begins to look a key (32 bytes) up. What is met first is verified as the newest is, and must be live at `now` (Unix seconds). */
export function search(dht: Dht, publicKey: Uint8Array, now: bigint, options: OperationOptions = {}): Search {
  let meet: (item: MutableItem | null) => void = () => {};
  const met = new Promise<MutableItem | null>((resolve) => {
    meet = resolve;
  });
  const newest = lookUp(dht, publicKey, { ...options, onFirst: meet });
  // Whoever has failed for another reason does not wait for it any more.
  newest.catch(() => {}).finally(() => meet(null));
  const first = met.then((item) => (item === null ? null : sightingIn(item, now))).catch(() => null);
  return { first, newest };
}

function sightingIn(item: MutableItem, now: bigint): Sighting | null {
  const record = recordIn(item);
  return record !== null && isLive(record, now) ? { record, seq: item.seq } : null;
}

/**
 * Resolves a key (32 bytes) and verifies what the newest packet holds: both signatures, and that the record names this key.
 *
 * Throws what `Dht.resolve` does, and `refused` for a packet or record that is malformed, forged, or stands twice.
 */
export async function lookUp(dht: Dht, publicKey: Uint8Array, options: ResolveOptions = {}): Promise<Lookup> {
  const resolution = await dht.resolve(publicKey, options);
  if (resolution.conflict) {
    throw new Failure(
      'refused',
      'Two different packets with the same number stand under this key: it was used on two machines at once.',
      'Publish again from one machine; then the newer packet counts everywhere.',
    );
  }
  const { newest } = resolution;
  if (newest === null) return { record: null, seq: null, resolution };
  return { record: recordIn(newest), seq: newest.seq, resolution };
}

/** The handoff in a packet, verified; null if it holds none. Throws `refused` for one that is malformed, forged, or stands twice. */
function recordIn({ publicKey, value }: MutableItem): SignedRecord | null {
  const text = HANDOFF_TXT.read(parsePacket(value), encodePublicKey(publicKey));
  return text === null ? null : parseRecord(text, publicKey);
}

/** The record of a look-up if it is live at `now` (Unix seconds), else null. Throws `refused` for one from the future. */
export function liveRecord(lookup: Lookup, now: bigint): SignedRecord | null {
  return lookup.record !== null && isLive(lookup.record, now) ? lookup.record : null;
}
