import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dht, OperationOptions, Put, Resolution } from '../dht/client.ts';
import { EMPTY_PACKET, encodePacket, type Packet, parsePacket } from '../dht/dns-packet.ts';
import { type MutableItem, signItem, supersedes } from '../dht/mutable-item.ts';
import { lostRace, tooFewHolders } from '../dht/network-failure.ts';
import { LEAST_HOLDERS } from '../dht/store.ts';
import { Failure } from '../failure.ts';
import type { Identity } from '../identity/unlock.ts';
import type { Ending, History } from './history.ts';

/** How to reach the packet under the own key. */
export interface UpdateOptions extends OperationOptions {
  /** The clock, in Unix milliseconds. */
  readonly now: () => number;
  readonly history: History;
  /** A look-up of the same key to start from. If it is older than two seconds, the key is looked up again. */
  readonly from?: Resolution | undefined;
}

/** What to put in the place of a packet. */
export interface Replacement {
  readonly packet: Packet;
  /**
   * True if this replaces something of other people or programs, which must not be lost if it changes
   * meanwhile: nodes are asked to compare and swap.
   */
  readonly isGuarded: boolean;
  /** The handoff that this burns or revokes. */
  readonly ending?: Ending | null;
}

/** The outcome of an update. */
export interface Update {
  /** The `seq` (microseconds) of the new packet. */
  readonly seq: number;
  /** The put, as soon as enough nodes hold the packet. */
  readonly put: Put;
  /** True if somebody else published meanwhile, and the packet was built again on theirs. */
  readonly wasOvertaken: boolean;
}

/** An update may start from a look-up this old, in milliseconds. During a question somebody may publish. */
const FRESH_MS = 2_000;
const MAX_TRIES = 5;
const MICROSECONDS_PER_MS = 1000;
/**
 * After a collision each machine waits a random time of up to this long, times its tries so far, in
 * milliseconds, so that they don't collide again.
 */
const PAUSE_MS = 100;

/**
 * Reads the packet under the own key, changes it, and puts it with a higher `seq` than any seen. If somebody
 * else publishes meanwhile, it starts again.
 *
 * `change` is called with the newest packet, perhaps several times. If it returns null, nothing is changed
 * and the result is null; what it throws reaches the caller. The caller decides how many nodes are enough.
 * Throws `network` if the network can't be reached, or if somebody else is faster each time.
 *
 * The `seq` of a packet that is not guarded is the time of the look-up; that of a guarded one is the time of
 * the put. So a packet that somebody publishes between our look-up and our put has a higher one, and no node
 * replaces it.
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
  // Packets up to this one are known here, even if the network has forgotten most of them.
  const knownSeq = (await history.read(publicKey)).seq;
  let overtakenBy: MutableItem | null = null;

  for (let tries = 1; ; tries += 1) {
    const { newest } = resolution;
    // Our own earlier attempt may be the newest by now, but it was not built on the packet that overtook it.
    const isOurs = newest !== null && attempts.includes(newest.seq);
    const base: MutableItem | null = isOurs ? overtakenBy : newest;
    const { replacement, refusal } = await outcomeOf(change, base);
    // An earlier attempt may already be stored, with a higher `seq` than the packet we must keep. Republish
    // that packet above it.
    const isOnTop =
      item !== null && base !== null && item.seq > base.seq && Buffer.compare(item.value, base.value) !== 0;
    if (replacement === null && !isOnTop) return settle(refusal);

    isGuarded = replacement?.isGuarded ?? isGuarded;
    const value = replacement === null ? (base?.value ?? new Uint8Array()) : encodePacket(replacement.packet);
    const clockMs = isGuarded ? now() : readAtMs;
    // Written down before it is sent: after a crash in between, no later packet may get the same number.
    const seq = await history.reserve(
      publicKey,
      (highest) => nextSeq(clockMs, isGuarded, newest?.seq ?? 0, highest),
      replacement?.ending,
    );
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
    await sleep(Math.random() * PAUSE_MS * tries, undefined, { signal: operation.signal }).catch(() => {});
    ({ readAtMs, resolution } = await lookUp());
    resolution = withItem(resolution, overtakenBy);
  }
}

/** True if a look-up is recent, by a clock that goes on while the machine sleeps. */
function isRecent({ doneAtMs }: Resolution): boolean {
  const ageMs = Date.now() - doneAtMs;
  return ageMs >= 0 && ageMs < FRESH_MS;
}

/** The result of `change`, or what it threw. */
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

/** Ends an update that changed nothing. */
function settle(refusal: unknown): null {
  if (refusal !== null) throw refusal;
  return null;
}

/** The resolution, with an item from elsewhere as its newest if that is newer. */
function withItem(resolution: Resolution, item: MutableItem): Resolution {
  return resolution.newest === null || supersedes(item, resolution.newest)
    ? { ...resolution, newest: item, conflict: false }
    : resolution;
}

/**
 * The `seq` (microseconds) of the next packet: the clock (`nowMs`, Unix milliseconds), but at least 2 more
 * than the highest seen. One more is reserved for a revocation signed together with that packet, which must
 * lose to any later publish.
 *
 * So it rises with every publish, even twice in a millisecond or after the clock was set back. In these
 * cases, too, a guarded packet gets a higher one than one that is not (see `updatePacket`). Throws `refused`
 * above 2^53-1, which only somebody who has the key can bring about.
 */
export function nextSeq(nowMs: number, isGuarded: boolean, ...seen: readonly number[]): number {
  const leastSeq = Math.max(...seen) + 2 + (isGuarded ? MICROSECONDS_PER_MS : 0);
  // The clock has only milliseconds; random microseconds keep two machines from picking the same `seq`.
  const seq = Math.max(Math.floor(nowMs) * MICROSECONDS_PER_MS, leastSeq) + randomInt(MICROSECONDS_PER_MS);
  if (Number.isSafeInteger(seq)) return seq;
  throw new Failure(
    'refused',
    'The newest packet under your key has the highest number there is, so that nothing can follow it.',
    'Somebody else may have your key: make a new one with cclink init, and tell those who have the old one.',
  );
}
