import type { Dht, OperationOptions, Resolution } from '../dht/client.ts';
import { parsePacket } from '../dht/dns-packet.ts';
import type { MutableItem } from '../dht/mutable-item.ts';
import { ENOUGH, LEAST_HOLDERS, type StoreReport } from '../dht/store.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import type { Fate } from './history.ts';
import { parseRecord, type SignedRecord } from './record.ts';
import { HANDOFF_TXT } from './txt-record.ts';
import { type UpdateOptions, updatePacket } from './update-packet.ts';

/** Whom a revocation reached. */
export interface Revocation {
  /** How many nodes hold it. */
  readonly nodes: number;
  /** How many nodes still give a handoff that was taken back. */
  readonly older: number;
}

/**
 * Takes a handoff back: publishes the key's packet without it. The key's other records stay.
 *
 * `text` is the record that the user was shown; another one is never touched. Resolves to null if nothing stood there any more: of
 * several machines that take one handoff back at the same moment, which is how it is burnt, at most one does it. Throws `refused`
 * if another handoff stands there now, and `not-burnt` where the revocation did not reach enough nodes.
 */
export async function revoke(
  dht: Dht,
  identity: Identity,
  text: string,
  { fate = 'revoked', ...options }: UpdateOptions & { readonly fate?: Exclude<Fate, 'taken'> },
): Promise<Revocation | null> {
  const name = encodePublicKey(identity.publicKey);
  try {
    const update = await updatePacket(
      dht,
      identity,
      (packet) => {
        const current = HANDOFF_TXT.read(packet, name);
        if (current === null) return null;
        if (current !== text) throw replaced();
        return { packet: HANDOFF_TXT.remove(packet, name), isGuarded: false };
      },
      { ...options, isContested: true },
    );
    if (update === null) return null;
    const revocation = reached(await update.put.settled);
    const record = recordOf(text, identity.publicKey);
    if (record !== null) await options.history.noteEnded(record, fate);
    await options.history.notePlaced(identity.publicKey, update.seq, { revoked: true });
    return revocation;
  } catch (error) {
    if (error instanceof Failure && error.code === 'network') {
      throw new Failure('not-burnt', `The handoff could not be taken back. ${error.message}`, error.hint, {
        cause: error,
      });
    }
    throw error;
  }
}

/**
 * Puts the newest packet again, unchanged, where it is a revocation that too few nodes know of: fewer than 3 hold it, others still
 * give the handoff that it took back, or this machine failed to place it. That takes no key.
 *
 * Resolves to null where there is nothing to complete, and throws as `revoke` does.
 */
export async function completeRevocation(
  dht: Dht,
  resolution: Resolution,
  { history, ...options }: OperationOptions & Pick<UpdateOptions, 'history'>,
): Promise<Revocation | null> {
  const { publicKey, newest, holders, nodes } = resolution;
  if (newest === null || holdsHandoff(newest)) return null;
  const memory = history.read(publicKey);
  const isUnplaced = memory.seq === newest.seq && !memory.placed;
  // A packet of other programs alone need never have held a handoff.
  const isRevocation = memory.seq > 0 || parsePacket(newest.value).records.length === 0;
  const isStillGiven = nodes.some(({ item }) => item !== null && item.seq < newest.seq && holdsHandoff(item));
  if (!isUnplaced && !isStillGiven && !(isRevocation && holders < LEAST_HOLDERS)) return null;
  const put = await dht.put(newest, { ...options, from: resolution });
  const report = await put.settled;
  if (report.overtakenBy !== null) return null;
  const revocation = reached(report);
  if (isUnplaced) await history.notePlaced(publicKey, newest.seq, { revoked: true });
  return revocation;
}

/** The record, null for one that can't be read: it can be revoked, but nobody could pick it up anyway. */
function recordOf(text: string, publicKey: Uint8Array): SignedRecord | null {
  try {
    return parseRecord(text, publicKey);
  } catch {
    return null;
  }
}

/** True for a packet with a handoff in it, whatever that is; false for one that can't be read. */
function holdsHandoff({ publicKey, value }: MutableItem): boolean {
  try {
    return HANDOFF_TXT.read(parsePacket(value), encodePublicKey(publicKey)) !== null;
  } catch {
    return false;
  }
}

/** Whom a revocation reached; throws `not-burnt` where those are too few: fewer than 8, and not all that answered. */
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
    `The handoff could not be taken back for sure: ${took} of the ${answered} nodes that answered took the revocation${still}.`,
    'Try again in a moment; the same command may be repeated.',
    { details: { nodes: holders, older } },
  );
}

/** Says how many nodes still give a handoff that was taken back. */
export function stillGiven(nodes: number): string {
  return nodes === 1
    ? '1 node still gives the old handoff to whoever asks it'
    : `${nodes} nodes still give the old handoff to whoever asks them`;
}

function replaced(): Failure {
  return new Failure(
    'refused',
    'Another handoff has been published under this key since; it was left alone.',
    'Look again: cclink list',
  );
}
