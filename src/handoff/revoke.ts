import type { Dht, OperationOptions, Resolution } from '../dht/client.ts';
import { parsePacket } from '../dht/dns-packet.ts';
import type { MutableItem } from '../dht/mutable-item.ts';
import { tooFewHolders } from '../dht/network-failure.ts';
import { ENOUGH, LEAST_HOLDERS, type StoreReport } from '../dht/store.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { type Ending, hasEnded, type Memory } from './history.ts';
import { isLive, parseRecord, parseRecordIfValid } from './record.ts';
import { HANDOFF_TXT } from './txt-record.ts';
import { type UpdateOptions, updatePacket } from './update-packet.ts';

/** How far a revocation got. */
export interface Revocation {
  /** How many nodes hold it. */
  readonly nodes: number;
  /** How many nodes still return the handoff that was revoked. */
  readonly older: number;
}

/**
 * Revokes a handoff: publishes the key's packet without it. The key's other records stay.
 *
 * `text` is the record that the user was shown; no other one is touched. Resolves to null if there is no
 * handoff any more: if several machines revoke one at the same moment, which is what burning is, at most one
 * of them succeeds. Throws `refused` if another handoff is there now, and `not-burnt` if the revocation did
 * not reach enough nodes.
 */
export async function revoke(
  dht: Dht,
  identity: Identity,
  text: string,
  { fate = 'revoked', ...options }: UpdateOptions & { readonly fate?: Ending['fate'] },
): Promise<Revocation | null> {
  const name = encodePublicKey(identity.publicKey);
  const record = parseRecordIfValid(text, identity.publicKey);
  const ending = record && { record, fate };
  try {
    const update = await updatePacket(
      dht,
      identity,
      (packet) => {
        const current = HANDOFF_TXT.read(packet, name);
        // Where two packets have one number, the one without a handoff hides the other from us, not from all.
        if (current === null && !options.from?.conflict) return null;
        if (current !== null && current !== text) throw replaced();
        return { packet: HANDOFF_TXT.remove(packet, name), isGuarded: false, ending };
      },
      { ...options, isContested: true },
    );
    if (update === null) {
      // Somebody else has ended it. An attempt of ours may have been written down meanwhile.
      if (ending !== null) await options.history.noteEnded(ending);
      return null;
    }
    const revocation = reached(await update.put.settled);
    await options.history.notePlaced(identity.publicKey, update.seq, { revoked: true, ended: ending });
    return revocation;
  } catch (error) {
    if (error instanceof Failure && error.code === 'network') {
      throw new Failure('not-burnt', `The handoff could not be revoked. ${error.message}`, error.hint, {
        cause: error,
      });
    }
    throw error;
  }
}

/** A packet that was put again. */
export interface PutAgain extends Revocation {
  /** True if it holds no handoff. */
  readonly isRevocation: boolean;
}

/**
 * Puts the newest packet under one's own key again, unchanged, if too few nodes have it: fewer than 3 hold
 * it, this machine failed to place it, or it is a revocation and others still return the revoked handoff.
 * That needs no key.
 *
 * A handoff is put again only while it can be picked up at `nowSeconds`. Resolves to null if there is nothing
 * to put again. Throws `not-burnt` or `network` if too few nodes take it again.
 */
export async function putAgainIfFew(
  dht: Dht,
  resolution: Resolution,
  nowSeconds: bigint,
  { history, ...options }: OperationOptions & Pick<UpdateOptions, 'history'>,
): Promise<PutAgain | null> {
  const { publicKey, newest, conflict, holders, nodes } = resolution;
  if (newest === null || conflict) return null;
  const memory = await history.read(publicKey);
  const isUnplaced = memory.seq === newest.seq && !memory.placed;
  const isRevocation = !holdsHandoff(newest);
  const canBeMore = nodes.filter(({ token }) => token !== null).length >= LEAST_HOLDERS;
  const isFew = isUnplaced || (holders < LEAST_HOLDERS && canBeMore);
  if (isRevocation) {
    // A packet with only other programs' records may never have held a handoff.
    const isOurs = isUnplaced || memory.seq > 0 || parsePacket(newest.value).records.length === 0;
    const isStillGiven = nodes.some(({ item }) => item !== null && item.seq < newest.seq && holdsHandoff(item));
    if (!isStillGiven && !(isOurs && isFew)) return null;
  } else if (!isFew || newest.seq < memory.seq || !isLiveHandoff(newest, memory, nowSeconds)) return null;

  const report = await (await dht.put(newest, { ...options, from: resolution })).settled;
  if (report.overtakenBy !== null) return null;
  if (!isRevocation && report.holders < LEAST_HOLDERS) throw tooFewHolders(report.holders, report.tried);
  const revocation = isRevocation ? reached(report) : { nodes: report.holders, older: 0 };
  if (isUnplaced) await history.notePlaced(publicKey, newest.seq, { revoked: isRevocation });
  return { ...revocation, isRevocation };
}

/** True if a packet holds a handoff that can be picked up, and that did not end here. */
function isLiveHandoff({ publicKey, value }: MutableItem, memory: Memory, nowSeconds: bigint): boolean {
  try {
    const text = HANDOFF_TXT.read(parsePacket(value), encodePublicKey(publicKey));
    const record = text === null ? null : parseRecord(text, publicKey);
    return record !== null && isLive(record, nowSeconds) && !hasEnded(memory, record);
  } catch {
    return false;
  }
}

/** True if a packet holds a handoff, readable or not; false if the packet itself can't be read. */
function holdsHandoff({ publicKey, value }: MutableItem): boolean {
  try {
    return HANDOFF_TXT.read(parsePacket(value), encodePublicKey(publicKey)) !== null;
  } catch {
    return false;
  }
}

/**
 * How far a revocation got. Throws `not-burnt` if fewer than 8 nodes hold it, unless all that answered do.
 */
function reached(report: StoreReport): Revocation {
  const { holders: nodes, answered } = report;
  const isPlaced = nodes >= ENOUGH || (nodes >= LEAST_HOLDERS && nodes === answered);
  const older = report.older.filter(holdsHandoff).length;
  if (!isPlaced) throw tooFew(nodes, answered, older);
  return { nodes, older };
}

function tooFew(holders: number, answered: number, older: number): Failure {
  const took = holders === 0 ? 'none' : `only ${holders}`;
  const still = older === 0 ? '' : `; ${stillGiven(older)}`;
  return new Failure(
    'not-burnt',
    `The handoff could not be revoked for sure: ${took} of the ${answered} nodes that answered took the revocation${still}.`,
    'Try again in a moment with the same command.',
    { details: { nodes: holders, older } },
  );
}

/** Says how many nodes still return a handoff that was revoked. */
export function stillGiven(nodes: number): string {
  return nodes === 1 ? '1 node still returns the old handoff' : `${nodes} nodes still return the old handoff`;
}

function replaced(): Failure {
  return new Failure(
    'refused',
    'Another handoff has been published under this key since. It was not touched.',
    'Look again: cclink list',
  );
}
