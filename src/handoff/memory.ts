import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { writeAtomically } from '../files/atomic-write.ts';
import { makePrivateFolder } from '../files/folders.ts';
import { encodePublicKey } from '../identity/public-key.ts';

/** What this machine remembers of a key that it published under. */
export interface Memory {
  /** The highest `seq` (microseconds) that was published from here; 0 if none. */
  readonly seq: number;
  /** True if the last thing done from here was to take the handoff back. */
  readonly revoked: boolean;
  /** False if the packet of that `seq` did not reach enough nodes, as far as is known here: it was about to be sent. */
  readonly placed: boolean;
}

const NOTHING: Memory = { seq: 0, revoked: false, placed: true };

/** In microseconds. */
const MILLISECOND = 1000;

const fileOf = (stateFolder: string, publicKey: Uint8Array) =>
  join(stateFolder, 'published', `${encodePublicKey(publicKey)}.json`);

/** Reads the memory of a key below cclink's state folder. A missing or damaged file is an empty memory. */
export function recall(stateFolder: string, publicKey: Uint8Array): Memory {
  try {
    const { seq, revoked, placed } = JSON.parse(readFileSync(fileOf(stateFolder, publicKey), 'utf8'));
    if (!Number.isSafeInteger(seq) || seq < 0) return NOTHING;
    return { seq, revoked: revoked === true, placed: placed !== false };
  } catch {
    return NOTHING;
  }
}

/** Writes the memory of a key, so that a clock set back can't make this machine publish under an older `seq`. */
export function remember(stateFolder: string, publicKey: Uint8Array, memory: Memory): void {
  makePrivateFolder(join(stateFolder, 'published'));
  writeAtomically(fileOf(stateFolder, publicKey), Buffer.from(JSON.stringify(memory)));
}

/** The same for what is done already and cannot be undone: a disk that fails now must not make it look as if it had failed. */
export function rememberIfPossible(stateFolder: string, publicKey: Uint8Array, memory: Memory): void {
  try {
    remember(stateFolder, publicKey, memory);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

/**
 * The `seq` (microseconds) for the next packet: the clock (`nowMs`, Unix milliseconds), or at least 2 more than the highest seen,
 * whichever is larger. One more is what a revocation that was signed with that packet has: it loses to whatever is published later.
 *
 * It rises with every publish, even for two in one millisecond or after the clock was set back; there, too, a guarded packet is
 * above one that is not (see `updatePacket`). Throws `refused` above 2^53-1, which takes somebody who has the key.
 */
export function nextSeq(nowMs: number, isGuarded: boolean, ...seen: readonly number[]): number {
  const leastSeq = Math.max(...seen) + 2 + (isGuarded ? MILLISECOND : 0);
  // The clock has only milliseconds; random microseconds keep two machines from picking the same `seq`.
  const seq = Math.max(Math.floor(nowMs) * MILLISECOND, leastSeq) + randomInt(MILLISECOND);
  if (Number.isSafeInteger(seq)) return seq;
  throw new Failure(
    'refused',
    'The newest packet under your key has the highest number there is, so that nothing can follow it.',
    'Somebody else may have your key: make a new one with cclink init, and tell those who have the old one.',
  );
}
