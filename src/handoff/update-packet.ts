import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dht, OperationOptions, Put, Resolution } from '../dht/client.ts';
import { EMPTY_PACKET, encodePacket, type Packet, parsePacket } from '../dht/dns-packet.ts';
import { type MutableItem, signItem, supersedes } from '../dht/mutable-item.ts';
import { lostRace, tooFewHolders } from '../dht/network-failure.ts';
import { LEAST_HOLDERS } from '../dht/store.ts';
import { Failure } from '../failure.ts';
import type { Identity } from '../identity/unlock.ts';
import type { History } from './history.ts';

/** How to reach the packet under the own key. */
export interface UpdateOptions extends OperationOptions {
  /** The clock, in Unix milliseconds. */
  readonly now: () => number;
  readonly history: History;
  /** A look-up of the same key to start from; if it is older than two seconds, the key is looked up again. */
  readonly from?: Resolution | undefined;
}

/** How a packet is to be replaced. */
export interface Replacement {
  readonly packet: Packet;
  /** True where this takes something from somebody, who must not lose what they publish meanwhile: compare-and-swap on each node. */
  readonly isGuarded: boolean;
}

/** What became of an update. */
export interface Update {
  /** The `seq` (microseconds) of the new packet. */
  readonly seq: number;
  /** As soon as enough nodes hold it. */
  readonly put: Put;
  /** True if somebody else published while this was under way, and the packet was built again on theirs. */
  readonly wasOvertaken: boolean;
}

/** How long a resolution may serve an update, in milliseconds: an older one may have been overtaken while a question stood. */
const FRESH_MS = 2_000;
const MAX_TRIES = 5;
/** In microseconds. */
const MILLISECOND = 1000;
/** Two that overtook each other wait for up to so long, times the tries so far, in milliseconds: each for a time of its own. */
const PAUSE_MS = 100;

/**
 * Reads the packet under the own key, changes it, and puts it under a higher `seq` than any seen; again if somebody else was faster.
 *
 * `change` is given the newest packet, and again a newer one if somebody else published meanwhile; null leaves everything as
 * it is, and what it throws reaches the caller. Resolves to null where there was nothing to change. How many nodes are enough is
 * the caller's to say. Throws `network` where the network can't be reached, or somebody else is faster again and again.
 *
 * A packet that is not guarded has the time of the look-up as its `seq`, and a guarded one that of the put. So a packet that
 * somebody published between our look-up and our put has a higher one, and no node replaces it with ours.
 */
export async function updatePacket(
  dht: Dht,
  identity: Identity,
  change: (packet: Packet) => Replacement | null | Promise<Replacement | null>,
  options: UpdateOptions & { readonly isContested?: boolean },
): Promise<Update | null> {
  const { now, history, from, isContested, ...operation } = options;
  const { publicKey, seed } = identity;
  const lookUp = async () => {
    const readAtMs = now();
    return { readAtMs, resolution: await dht.resolve(publicKey, operation) };
  };
  const isFresh = from !== undefined && isRecent(from) && Buffer.compare(from.publicKey, publicKey) === 0;
  let { readAtMs, resolution } = isFresh ? { readAtMs: from.begunAtMs, resolution: from } : await lookUp();
  let item: MutableItem | null = null;
  let isGuarded = false;
  const attempts: number[] = [];
  // What this machine published before is known, also where the network has forgotten most of it.
  const knownSeq = history.read(publicKey).seq;
  let overtakenBy: MutableItem | null = null;

  for (let tries = 1; ; tries += 1) {
    const { newest } = resolution;
    // An earlier attempt of ours may be the newest by now. It was not built on what overtook it.
    const isOurs = newest !== null && attempts.includes(newest.seq);
    const base: MutableItem | null = isOurs ? overtakenBy : newest;
    const { replacement, refusal } = await outcomeOf(change, base);
    // An earlier attempt may already be stored, with a higher `seq` than the packet we must keep. Republish that packet above it.
    const isOnTop =
      item !== null && base !== null && item.seq > base.seq && Buffer.compare(item.value, base.value) !== 0;
    if (replacement === null && !isOnTop) return settle(refusal);

    isGuarded = replacement?.isGuarded ?? isGuarded;
    const value = replacement === null ? (base?.value ?? new Uint8Array()) : encodePacket(replacement.packet);
    const clockMs = isGuarded ? now() : readAtMs;
    // Written down before it is sent: after a crash in between, no later packet may get the same number.
    const seq = await history.reserve(publicKey, (highest) => nextSeq(clockMs, isGuarded, newest?.seq ?? 0, highest));
    item = signItem(seed, publicKey, seq, value);
    const builtOn = Math.max(base?.seq ?? -1, knownSeq);
    const condition = isGuarded ? 'unchanged' : 'older';
    const put = await dht.put(item, {
      ...operation,
      from: resolution,
      base: builtOn,
      attempts,
      condition,
      isContested,
    });
    attempts.push(seq);
    const report = isContested || replacement === null ? await put.settled : put;
    if (report.overtakenBy === null) {
      if (replacement !== null) return { seq, put, wasOvertaken: tries > 1 };
      if (report.holders < LEAST_HOLDERS) throw tooFewHolders(report.holders, report.tried);
      await history.notePlaced(publicKey, seq);
      return settle(refusal);
    }

    if (tries === MAX_TRIES) throw lostRace();
    overtakenBy = report.overtakenBy;
    // Two that collided must not collide again.
    await sleep(Math.random() * PAUSE_MS * tries, undefined, { signal: operation.signal }).catch(() => {});
    ({ readAtMs, resolution } = await lookUp());
    resolution = withItem(resolution, overtakenBy);
  }
}

/** True for a resolution that was done lately, by a clock that goes on while the machine sleeps. */
function isRecent({ doneAtMs }: Resolution): boolean {
  const ageMs = Date.now() - doneAtMs;
  return ageMs >= 0 && ageMs < FRESH_MS;
}

/** What `change` makes of a packet, or what it threw. */
async function outcomeOf(
  change: (packet: Packet) => Replacement | null | Promise<Replacement | null>,
  base: MutableItem | null,
): Promise<{ readonly replacement: Replacement | null; readonly refusal: unknown }> {
  const packet = base === null ? EMPTY_PACKET : parsePacket(base.value);
  try {
    return { replacement: await change(packet), refusal: null };
  } catch (refusal) {
    return { replacement: null, refusal };
  }
}

/** Ends an update that was not wanted. */
function settle(refusal: unknown): null {
  if (refusal !== null) throw refusal;
  return null;
}

/** The resolution with an item that was met elsewhere, if that is newer. */
function withItem(resolution: Resolution, item: MutableItem): Resolution {
  return resolution.newest === null || supersedes(item, resolution.newest)
    ? { ...resolution, newest: item, conflict: false }
    : resolution;
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
