import type { Dht, Resolution } from '../dht/client.ts';
import { type MutableItem, signItem } from '../dht/mutable-item.ts';
import {
  cclinkText,
  EMPTY_PACKET,
  encodePacket,
  type Packet,
  parsePacket,
  roomForText,
  withCclinkText,
  withoutCclink,
} from '../dht/packet.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { nextSeq, recall, remember } from './memory.ts';
import { encodePayload, fitPayload, type Payload } from './payload.ts';
import { recordText, type SignedRecord, signRecord } from './record.ts';
import { type Audience, payloadRoom, type Sealer, sealedTextLength, sealerFor } from './seal.ts';

/** What is to be handed over, to whom, and for how long. */
export interface Handoff {
  readonly audience: Audience;
  readonly burn: boolean;
  /** Seconds. */
  readonly ttl: number;
  readonly payload: Payload;
}

/** A handoff that enough nodes hold. */
export interface Published {
  readonly record: SignedRecord;
  /** The payload as it was sealed: shortened where it did not fit. */
  readonly payload: Payload;
  readonly seq: number;
  /** How many nodes gave the packet back when asked for it. */
  readonly nodes: number;
}

/** The parts of a record that are known before its payload is sealed. */
function unsealed(handoff: Handoff, publicKey: Uint8Array, pinSalt: Uint8Array | null, now: number) {
  return {
    blob: new Uint8Array(),
    burn: handoff.burn,
    createdAt: BigInt(Math.floor(now / 1000)),
    hostname: '',
    pinSalt,
    project: '',
    publicKey,
    recipient: handoff.audience.mode === 'share' ? encodePublicKey(handoff.audience.publicKey) : null,
    ttl: BigInt(handoff.ttl),
  };
}

/**
 * The payload shortened to what fits into the packet beside the key's other records, and how large it all becomes.
 *
 * Throws `refused` where not even the session id fits.
 */
export function fitHandoff(
  handoff: Handoff,
  publicKey: Uint8Array,
  others: Packet,
  now: number,
): { payload: Payload; recordBytes: number } {
  const pinSalt = handoff.audience.mode === 'pin' ? new Uint8Array(32) : null;
  const withoutBlob = recordText(unsealed(handoff, publicKey, pinSalt, now), new Uint8Array(64)).length;
  const room = roomForText(others, encodePublicKey(publicKey)) - withoutBlob;
  const payload = fitPayload(handoff.payload, payloadRoom(room));
  const blobLength = sealedTextLength(encodePayload(payload).length);
  if (blobLength > room) {
    throw new Failure(
      'refused',
      `The other records under your key leave no room for a handoff: ${blobLength - room} bytes are missing.`,
      'Remove some of them with the tool that published them, or hand over under another key (CCLINK_KEY_FILE).',
    );
  }
  return { payload, recordBytes: withoutBlob + blobLength };
}

/**
 * Seals, signs and publishes a handoff under the identity's key, beside the key's other records.
 *
 * `now` is the clock in Unix milliseconds; `stateFolder` holds the last `seq`; `from` is a look-up of the same key to start
 * from. `mayReplace` is asked before a live packet is overwritten that differs from the one in `from`, and throws to stop.
 * Throws `network` where too few nodes took the packet.
 */
export async function publish(
  dht: Dht,
  identity: Identity,
  handoff: Handoff,
  options: {
    now: number;
    stateFolder: string;
    from?: Resolution;
    signal?: AbortSignal;
    mayReplace?: (text: string | null) => void;
  },
): Promise<Published> {
  const { now, stateFolder, mayReplace, ...walk } = options;
  const sealer = await sealerFor(handoff.audience, identity.seed);
  const name = encodePublicKey(identity.publicKey);
  let published: Omit<Published, 'nodes'> | undefined;

  const { nodes } = await dht.update(
    identity.publicKey,
    async (newest) => {
      const packet = newest === null ? EMPTY_PACKET : parsePacket(newest.value);
      mayReplace?.(cclinkText(packet, name));
      const memory = recall(stateFolder, identity.publicKey);
      const seq = nextSeq(now, newest?.seq ?? 0, memory.seq);
      const { item, ...rest } = await sealedItem(identity, handoff, sealer, withoutCclink(packet, name), seq, now);
      // Remembered before it is sent: a crash in between must not let a later publish take the same number.
      remember(stateFolder, identity.publicKey, { ...memory, seq });
      published = { ...rest, seq };
      return item;
    },
    walk,
  );
  if (published === undefined) throw new Error('the update ended without a packet');
  remember(stateFolder, identity.publicKey, { seq: published.seq, revoked: false });
  return { ...published, nodes };
}

async function sealedItem(
  identity: Identity,
  handoff: Handoff,
  sealer: Sealer,
  others: Packet,
  seq: number,
  now: number,
): Promise<{ item: MutableItem; record: SignedRecord; payload: Payload }> {
  const { payload } = fitHandoff(handoff, identity.publicKey, others, now);
  const blob = await sealer.seal(encodePayload(payload));
  const record = signRecord({ ...unsealed(handoff, identity.publicKey, sealer.pinSalt, now), blob }, identity.seed);
  const value = encodePacket(withCclinkText(others, encodePublicKey(identity.publicKey), record.text));
  return { item: signItem(identity.seed, identity.publicKey, seq, value), record, payload };
}
