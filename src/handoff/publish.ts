import type { Dht } from '../dht/client.ts';
import type { Packet } from '../dht/dns-packet.ts';
import { tooFewHolders } from '../dht/network-failure.ts';
import { LEAST_HOLDERS, type StoreReport } from '../dht/store.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey, readPublicKey, samePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { encodePayload, fitPayload, type Payload } from './payload.ts';
import {
  CLOCK_SKEW_SECONDS,
  expiresAt,
  modeOf,
  parseRecordIfValid,
  recordText,
  type SignedRecord,
  signRecord,
} from './record.ts';
import { type Audience, payloadRoom, sealedTextLength, sealerFor } from './seal.ts';
import { HANDOFF_TXT } from './txt-record.ts';
import { type UpdateOptions, updatePacket } from './update-packet.ts';

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
  /** The payload as it was sealed: shortened if it did not fit. */
  readonly payload: Payload;
  readonly seq: number;
  /** How many nodes returned the packet when asked for it. */
  readonly nodes: number;
  /**
   * True if another machine published under the key at the same moment, and this packet replaced that one.
   */
  readonly wasOvertaken: boolean;
  /** The outcome on all nodes, at most 400 ms later. Never rejects. */
  readonly settled: Promise<StoreReport>;
}

/** The parts of a record that are known before its payload is sealed. */
function unsealed(handoff: Handoff, publicKey: Uint8Array, pinSalt: Uint8Array | null, nowMs: number) {
  return {
    blob: new Uint8Array(),
    burn: handoff.burn,
    createdAt: BigInt(Math.floor(nowMs / 1000)),
    hostname: '',
    pinSalt,
    project: '',
    publicKey,
    recipient: handoff.audience.mode === 'share' ? encodePublicKey(handoff.audience.publicKey) : null,
    ttl: BigInt(handoff.ttl),
  };
}

/**
 * Shortens the payload to fit into the packet beside the key's other records, and tells how large the record
 * gets.
 *
 * Throws `refused` if not even the session id fits.
 */
export function fitHandoff(
  handoff: Handoff,
  publicKey: Uint8Array,
  others: Packet,
  nowMs: number,
): { payload: Payload; recordBytes: number } {
  const pinSalt = handoff.audience.mode === 'pin' ? new Uint8Array(32) : null;
  const withoutBlob = recordText(unsealed(handoff, publicKey, pinSalt, nowMs), new Uint8Array(64)).length;
  const room = HANDOFF_TXT.room(others, encodePublicKey(publicKey)) - withoutBlob;
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
 * `beforeReplacing` is given the handoff that is about to be replaced (its text, or null), and throws to stop
 * that. Throws `network` if too few nodes took the packet, and `refused` if it does not fit.
 */
export async function publish(
  dht: Dht,
  identity: Identity,
  handoff: Handoff,
  { beforeReplacing, ...options }: UpdateOptions & { readonly beforeReplacing?: (text: string | null) => void },
): Promise<Published> {
  const { now, history } = options;
  const { publicKey, seed } = identity;
  const sealer = await sealerFor(handoff.audience, seed);
  const name = encodePublicKey(publicKey);
  let sealed: { readonly record: SignedRecord; readonly payload: Payload } | undefined;

  const update = await updatePacket(
    dht,
    identity,
    async (packet) => {
      const replaced = HANDOFF_TXT.read(packet, name);
      beforeReplacing?.(replaced);
      const others = HANDOFF_TXT.remove(packet, name);
      const { payload } = fitHandoff(handoff, publicKey, others, now());
      const blob = await sealer.seal(encodePayload(payload));
      const record = signRecord({ ...unsealed(handoff, publicKey, sealer.pinSalt, now()), blob }, seed);
      sealed = { record, payload };
      const isForOthers = handoff.audience.mode !== 'self' || isRecordForOthers(replaced, publicKey);
      return {
        packet: HANDOFF_TXT.write(others, name, record.text),
        isGuarded: isForOthers || others.records.length > 0,
      };
    },
    options,
  );
  if (update === null || sealed === undefined) throw new Error('the update ended without a packet');
  const { seq, put, wasOvertaken } = update;
  if (put.holders < LEAST_HOLDERS) throw tooFewHolders(put.holders, put.tried);
  await history.notePlaced(publicKey, seq, { revoked: false });
  return { ...sealed, seq, nodes: put.holders, wasOvertaken, settled: put.settled };
}

/** True if a record is sealed for others than its publisher; false if nobody can read it. */
function isRecordForOthers(text: string | null, publicKey: Uint8Array): boolean {
  const record = text === null ? null : parseRecordIfValid(text, publicKey);
  return record !== null && modeOf(record) !== 'self';
}

/**
 * The record that `text` is, if it is sealed for others than the new handoff and they may still pick it up at
 * `nowSeconds`: replacing it takes it from them. One that is over by this machine's clock, or made in the
 * future, may be neither by theirs.
 */
export function heldForOthers(
  text: string | null,
  publicKey: Uint8Array,
  next: Handoff,
  nowSeconds: bigint,
): SignedRecord | null {
  // Nobody can pick up a malformed record, so nothing is lost.
  const record = text === null ? null : parseRecordIfValid(text, publicKey);
  if (record === null || expiresAt(record) + CLOCK_SKEW_SECONDS <= nowSeconds) return null;
  return modeOf(record) === 'self' || isForSameRecipient(record, next) ? null : record;
}

function isForSameRecipient(record: SignedRecord, next: Handoff): boolean {
  if (next.audience.mode !== 'share' || record.recipient === null) return false;
  try {
    return samePublicKey(readPublicKey(record.recipient), next.audience.publicKey);
  } catch {
    return false;
  }
}
