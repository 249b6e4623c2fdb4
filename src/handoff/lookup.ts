import type { Dht, OperationOptions, Resolution, ResolveOptions } from '../dht/client.ts';
import { parsePacket } from '../dht/dns-packet.ts';
import type { MutableItem } from '../dht/mutable-item.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { isLive, parseRecord, type SignedRecord } from './record.ts';
import { HANDOFF_TXT } from './txt-record.ts';

/** What is published under a key now. */
export interface Lookup {
  /** The newest handoff, verified; null if there is none. It may have expired. */
  readonly record: SignedRecord | null;
  /** The `seq` (microseconds) of the newest packet; null if there is no packet. */
  readonly seq: number | null;
  /** The look-up that found it; an update can start from it. */
  readonly resolution: Resolution;
}

/** A live handoff that some node returned. It may be older than the newest. */
interface Sighting {
  readonly record: SignedRecord;
  /** The `seq` (microseconds) of its packet. */
  readonly seq: number;
}

/** A look-up under way. */
export interface Search {
  /** The handoff in the first packet that arrives; null if there is no live one in it. Never rejects. */
  readonly first: Promise<Sighting | null>;
  /** The newest, once the closest nodes have answered. Rejects as `lookUp` does. */
  readonly newest: Promise<Lookup>;
}

/**
 * Begins to look up a key (32 bytes). The first packet is verified as the newest is; it must be live at
 * `nowSeconds`.
 */
export function beginSearch(
  dht: Dht,
  publicKey: Uint8Array,
  nowSeconds: bigint,
  options: OperationOptions = {},
): Search {
  let meet: (item: MutableItem | null) => void = () => {};
  const met = new Promise<MutableItem | null>((resolve) => {
    meet = resolve;
  });
  const newest = lookUp(dht, publicKey, { ...options, onFirst: meet });
  // The caller may have failed for another reason, and no longer wait for it.
  newest.catch(() => {}).finally(() => meet(null));
  const first = met.then((item) => (item === null ? null : sightingIn(item, nowSeconds))).catch(() => null);
  return { first, newest };
}

function sightingIn(item: MutableItem, nowSeconds: bigint): Sighting | null {
  const record = recordIn(item);
  return record !== null && isLive(record, nowSeconds) ? { record, seq: item.seq } : null;
}

/**
 * Looks up a key (32 bytes) and verifies the newest packet: both signatures, and that the record names this
 * key.
 *
 * Throws what `Dht.resolve` does, and `refused` if the packet or its record is malformed or forged, or if
 * there are two.
 */
export async function lookUp(dht: Dht, publicKey: Uint8Array, options: ResolveOptions = {}): Promise<Lookup> {
  const resolution = await dht.resolve(publicKey, options);
  if (resolution.conflict) {
    throw new Failure(
      'refused',
      'There are two different packets with the same number under this key: it was used on two machines at once.',
      'Publish again from one machine; then the newer packet counts everywhere.',
    );
  }
  const { newest } = resolution;
  if (newest === null) return { record: null, seq: null, resolution };
  return { record: recordIn(newest), seq: newest.seq, resolution };
}

/**
 * The handoff in a packet, verified; null if there is none. Throws `refused` if it is malformed, forged, or
 * there are two.
 */
function recordIn({ publicKey, value }: MutableItem): SignedRecord | null {
  const text = HANDOFF_TXT.read(parsePacket(value), encodePublicKey(publicKey));
  return text === null ? null : parseRecord(text, publicKey);
}

/**
 * The record of a look-up if it is live at `nowSeconds`, else null. Throws `refused` for one from the future.
 */
export function liveRecord(lookup: Lookup, nowSeconds: bigint): SignedRecord | null {
  return lookup.record !== null && isLive(lookup.record, nowSeconds) ? lookup.record : null;
}
