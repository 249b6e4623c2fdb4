import { localSession, type SessionPlaces } from '../claude/local-session.ts';
import type { Dht, Resolution } from '../dht/client.ts';
import type { Deadline } from '../dht/deadline.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { shorten } from '../shown-text.ts';
import { describeAge } from '../time.ts';
import type { FirstStart, FirstStarts } from '../travel/arriving/first-start.ts';
import type { Imported } from '../travel/arriving/importing.ts';
import type { KnownBundles } from '../travel/known-bundles.ts';
import { type Bringing, isWantedOtherwise, mayBring } from './bringing.ts';
import { isOwnBurn, ownBurn } from './claim.ts';
import { type History, hasEnded, isHalfRevoked } from './history.ts';
import { beginSearch, type Lookup, liveRecord, type Search } from './lookup.ts';
import { sessionObstacle } from './obstacle.ts';
import { openRecord } from './open.ts';
import { type FoundHandoff, type PinSource, Reader, type Subject } from './reader.ts';
import { expiresAt, isLive, modeOf, type SignedRecord } from './record.ts';
import { type PutAgain, putAgainIfFew, type Revocation, revoke } from './revoke.ts';

/** How a look-up asks and tells its user. */
export interface LookPorts {
  readonly pins: PinSource;
  readonly tell: (notice: Notice) => void;
  /** Given work that may take its time. */
  readonly withProgress: <T>(step: Step, work: Promise<T>) => Promise<T>;
}

export interface PickupPorts extends LookPorts {
  /** Shows a handoff. If something stands in its way, that is thrown afterwards. */
  readonly show: (found: FoundHandoff) => void;
  /**
   * What beside the session's files keeps a handoff from being used here, as when there is no `claude`; null
   * if nothing. Asked before the question, and again right before the handoff is taken. If `isSpent`, nobody
   * can pick it up again then.
   */
  readonly obstacle: (found: FoundHandoff, isSpent: boolean) => Promise<Failure | null>;
  /**
   * Whether the handoff that was shown is wanted. `burns`: a yes burns it. `isCompared`: what is here is
   * known to be no older than what the publisher has, or put into the folder.
   */
  readonly confirm: (found: FoundHandoff, burns: boolean, isCompared: boolean) => Promise<boolean>;
  /** Told what was brought here, before anything is burnt. */
  readonly brought: (imported: Imported) => void;
  /** Told of a handoff as soon as it is off the network: whatever fails next, it must not be lost. */
  readonly burnt: (found: FoundHandoff, revocation: Revocation, firstStart: FirstStart | null) => void;
}

/** Something to tell on the way. */
export type Notice =
  /** A newer handoff than the one that was shown has been found. */
  | { readonly kind: 'newer' }
  /** What too few nodes had was put again, or not. */
  | { readonly kind: 'put again'; readonly put: PutAgain }
  | { readonly kind: 'not put again'; readonly reason: string }
  /** A revocation of this handoff was begun here, and did not stick. */
  | { readonly kind: 'not revoked' }
  /** This handoff was to be burnt here, and was not handed over: now it goes on. */
  | { readonly kind: 'goes on' }
  /** The sealed session of a handoff that is over could not be removed from these folders. */
  | { readonly kind: 'bundle left'; readonly folders: readonly string[] };

export type Step = 'asking' | 'deriving' | 'burning' | 'completing';

/** What a look-up needs beside the network. */
export interface LookOptions {
  readonly deadline?: Deadline;
  readonly history: History;
  readonly places: SessionPlaces;
  /** The clock, in Unix milliseconds. */
  readonly now: () => number;
}

export interface PickupOptions extends LookOptions {
  /** True if the first handoff that is found is offered while the look-up goes on. */
  readonly offersFirst: boolean;
  /** True if a handoff whose files are not here is a result that is not picked up, in place of a failure. */
  readonly reportsMissing: boolean;
  /** How files that are not here, or older here, are brought; null if they are not. */
  readonly bringing: Bringing | null;
  /** The bundles that this machine knows of in folders: those of a burnt handoff are removed. */
  readonly bundles: KnownBundles;
  readonly firstStarts: FirstStarts;
}

/** A handoff that was picked up. */
export interface PickedUp {
  readonly found: FoundHandoff;
  /** False if its files are not here and that was to be reported: it was not burnt either. */
  readonly isTaken: boolean;
  readonly burnt: Revocation | null;
  /** What was brought here for it; null if everything was here. */
  readonly imported: Imported | null;
  /** How `claude` is to be started, if that is the first time since the session was brought here. */
  readonly firstStart: FirstStart | null;
  /**
   * To be called when the caller has handed it over: until then, a burn handoff is kept on this machine,
   * and the next pickup goes on with it.
   */
  readonly handedOver: () => Promise<void>;
}

/**
 * Finds the newest handoff of a subject and opens it, nothing else.
 *
 * Throws as `pickup` does, as far as that goes.
 */
export async function look(dht: Dht, subject: Subject, ports: LookPorts, options: LookOptions): Promise<FoundHandoff> {
  const search = new HandoffSearch(dht, subject, ports, options);
  try {
    await search.first();
    return await search.newest(null, { goesOn: false });
  } finally {
    search.end();
  }
}

/**
 * Picks a handoff up: everything until `claude` can start. There are six kinds of "no":
 *
 * 1. Nothing is there (any more): `not-found`, `expired`, `revoked`.
 * 2. What is there can't be trusted: `refused`.
 * 3. It is not for this reader: `cannot-open`, `no-key`.
 * 4. It can't go on here: `no-session`, `no-claude`.
 * 5. It is not wanted: `interrupted`.
 * 6. It can't be burnt: `not-burnt`, or `refused` if somebody else was quicker.
 *
 * After any of the first five the handoff is still there, for another try or another machine. Throws
 * `network` if the network can't be asked, or the host that has the files.
 *
 * Where the files of the session are not here, they are brought first: a handoff is burnt only once its
 * session lies here, whole and read back.
 */
export async function pickup(
  dht: Dht,
  subject: Subject,
  ports: PickupPorts,
  options: PickupOptions,
): Promise<PickedUp> {
  const search = new HandoffSearch(dht, subject, ports, options);
  try {
    await options.bundles.sweep();
    // The first packet arrives long before all close nodes have answered. It is opened and offered meanwhile;
    // what is wrong with it does not count, since the newest may be another one.
    const first = await search.first();
    const isOffered =
      options.offersFirst &&
      first !== null &&
      !mayBring(first, options.bringing) &&
      !(options.bringing !== null && isWantedOtherwise(first, options.bringing)) &&
      (await obstacleTo(first, ports, options)) === null;
    const shown = isOffered ? first : null;
    if (shown !== null) await offer(shown, ports, options, false);

    const wanted = await search.newest(shown, { goesOn: true }); // the first three kinds of "no"
    const isNew = wanted.record.text !== shown?.record.text;
    const { imported, isCompared } = isNew ? await bring(wanted, ports, options) : NOTHING_BROUGHT;
    if (imported !== null) ports.brought(imported);
    if (imported === null && !wanted.local.here && wanted.local.unreadable === null && options.reportsMissing) {
      const nothing = { burnt: null, imported, firstStart: null, handedOver: async () => {} };
      return { found: wanted, isTaken: false, ...nothing };
    }
    if (imported === null && isNew) await offer(wanted, ports, options, isCompared); // the fourth and fifth
    // What was wanted in time may take long to come.
    if (imported === null) mustBeLive(wanted, options);
    const found = lookedAtAgain(wanted, imported, options);
    const obstacle = await obstacleTo(found, ports, options);
    if (obstacle !== null) throw obstacle;

    const { session } = found.payload;
    if (imported !== null && imported.outcome !== 'unchanged') options.firstStarts.note(session, imported);
    const firstStart = options.firstStarts.of(session);
    const burnt = isSpentBy(found) ? await search.burn(found) : null; // the sixth
    if (burnt !== null) {
      ports.burnt(found, burnt, firstStart);
      const folders = await options.bundles.removeUnder(encodePublicKey(found.record.publicKey));
      if (folders.length > 0) ports.tell({ kind: 'bundle left', folders });
    }
    await options.history.noteTaken(found.record, search.seq);
    const handedOver = async () => {
      options.firstStarts.drop(session);
      await options.history.dropClaim(found.record);
    };
    return { found, isTaken: true, burnt, imported, firstStart, handedOver };
  } finally {
    search.end();
  }
}

/**
 * Shows a handoff and asks whether it is wanted. Throws what stands in its way, or `interrupted` for a no.
 */
async function offer(
  found: FoundHandoff,
  ports: PickupPorts,
  options: PickupOptions,
  isCompared: boolean,
): Promise<void> {
  ports.show(found);
  const obstacle = await obstacleTo(found, ports, options);
  if (obstacle !== null) throw obstacle;
  if (!(await ports.confirm(found, isToBurn(found), isCompared))) throw notWanted(found);
}

function notWanted(found: FoundHandoff): Failure {
  const message = isToBurn(found) ? 'nothing was burnt.' : 'the handoff is still there.';
  return new Failure('interrupted', `Not picked up; ${message}`);
}

/** What became of the files of a handoff: what was imported, or whether what is here was compared to it. */
interface AfterBringing {
  /** Null if nothing was. */
  readonly imported: Imported | null;
  readonly isCompared: boolean;
}

const NOTHING_BROUGHT: AfterBringing = { imported: null, isCompared: false };

/**
 * Brings the files of a handoff here, if that can be and is of use; then it has been shown and asked about.
 * Throws as `bringSession` and `offer` do.
 */
async function bring(found: FoundHandoff, ports: PickupPorts, options: PickupOptions): Promise<AfterBringing> {
  const { bringing } = options;
  if (bringing === null) return NOTHING_BROUGHT;
  if (!mayBring(found, bringing)) {
    if (!found.isClaimed && isWantedOtherwise(found, bringing)) throw bringsNothing(found);
    return NOTHING_BROUGHT;
  }
  if (!found.local.here) ports.show(found);
  const obstacle = await ports.obstacle(found, isSpentBy(found));
  if (obstacle !== null) throw obstacle;
  const { bringSession } = await import('./bring-session.ts');
  let isCompared = false;
  const brought = await bringSession(found, bringing, {
    burns: isToBurn(found),
    before: () => (found.local.here ? ports.show(found) : undefined),
    leftMs: () => Number(expiresAt(found.record)) * 1000 - options.now(),
    tooLate,
    no: () => notWanted(found),
    nothingNewer() {
      isCompared = true;
    },
  });
  return { imported: brought?.isConfirmed ? brought.imported : null, isCompared };
}

function bringsNothing({ local }: FoundHandoff): Failure {
  const where = local.directory === null ? '' : `, in ${local.directory}`;
  return new Failure(
    'usage',
    `The session is on this machine already${where}, and nothing comes with this handoff.`,
    'Leave --into and --as-new out, or name a host that sends the files: --ssh <host>',
  );
}

function mustBeLive({ record }: FoundHandoff, { now }: PickupOptions): void {
  if (!isLive(record, secondsOf(now()))) throw tooLate('asking');
}

function tooLate(meanwhile: 'waiting' | 'asking'): Failure {
  const reason = meanwhile === 'asking' ? 'the question was open' : 'its files were waited for';
  return ended(`The handoff expired while ${reason}.`);
}

/**
 * The session on this machine as it is now: a question may have been open for hours, and what was brought may
 * have got another id.
 */
function lookedAtAgain(found: FoundHandoff, imported: Imported | null, { places }: PickupOptions): FoundHandoff {
  const session = imported?.session ?? found.payload.session;
  const local = localSession(places, session, imported?.directory ?? found.payload.project);
  return { ...found, payload: { ...found.payload, session }, local };
}

/** Whether nobody can pick it up again once it is taken. */
const isSpentBy = (found: FoundHandoff): boolean => found.isClaimed || isToBurn(found);

/** Whether picking it up burns it: only the publisher can. */
const isToBurn = ({ record, subject, isClaimed }: FoundHandoff): boolean => record.burn && subject.isOwn && !isClaimed;

/** The search for the handoff of a subject: the first that is found, then the newest, each opened. */
class HandoffSearch {
  /** The `seq` (microseconds) of the newest packet, once it is known. */
  seq = 0;
  private readonly dht: Dht;
  private readonly subject: Subject;
  private readonly ports: LookPorts;
  private readonly options: LookOptions;
  private readonly reader: Reader;
  private readonly walk: Search;
  private isWalking = true;
  private resolution: Resolution | undefined;

  constructor(dht: Dht, subject: Subject, ports: LookPorts, options: LookOptions) {
    this.dht = dht;
    this.subject = subject;
    this.ports = ports;
    this.options = options;
    this.reader = new Reader(subject, { pins: ports.pins, places: options.places }, (work) =>
      ports.withProgress('deriving', work),
    );
    this.walk = beginSearch(dht, subject.publicKey, this.nowSeconds, { deadline: options.deadline });
    const stop = () => {
      this.isWalking = false;
    };
    this.walk.newest.then(stop, stop);
  }

  /**
   * The first handoff that is found, opened; null if it is of no use, or the newest is known by then. It may
   * be old.
   */
  async first(): Promise<FoundHandoff | null> {
    const sighting = await this.ports.withProgress('asking', this.walk.first);
    if (sighting === null) return null;
    const { seq, seen } = await this.options.history.read(this.subject.publicKey);
    if (sighting.seq < Math.max(seq, seen)) return null;
    try {
      const found = await this.reader.read(sighting.record, { isNewest: false });
      return this.isWalking ? { ...found, isFromHere: this.isFromHere(sighting.seq, seq) } : null;
    } catch (error) {
      // Ctrl-C means all of it; any other failure comes again if this is the newest.
      if (error instanceof Failure && error.code === 'interrupted') throw error;
      return null;
    }
  }

  /**
   * The newest handoff, opened. `shown` is the one that the user has seen, if any. With `goesOn`, it is the
   * one that this machine began to burn, if that is off the network by its own doing.
   */
  async newest(shown: FoundHandoff | null, { goesOn }: { readonly goesOn: boolean }): Promise<FoundHandoff> {
    const lookup = await this.ports.withProgress('asking', this.walk.newest);
    this.resolution = lookup.resolution;
    this.seq = lookup.seq ?? 0;
    const memory = await this.options.history.read(this.subject.publicKey);
    const claim = goesOn && this.subject.isOwn ? ownBurn(this.options.history, memory, lookup.resolution) : null;
    if (claim !== null) {
      this.ports.tell({ kind: 'goes on' });
      return { ...this.reader.claimed(claim.record, claim.payload), isFromHere: false };
    }
    if (this.subject.isOwn && lookup.record?.burn !== true) {
      await completeOwn(this.dht, lookup.resolution, this.nowSeconds, this.options, this.ports);
    }
    const record = await this.mustBeThere(lookup);
    if (shown !== null && shown.record.text !== record.text) this.ports.tell({ kind: 'newer' });
    if (isHalfRevoked(memory, record)) this.ports.tell({ kind: 'not revoked' });
    const found = await this.reader.read(record, { isNewest: true });
    return { ...found, isFromHere: this.isFromHere(this.seq, memory.seq) };
  }

  /** Whether the packet of a `seq` is the last that this machine published. */
  private isFromHere(seq: number, published: number): boolean {
    return this.subject.isOwn && seq === published;
  }

  /**
   * Takes the handoff off the network, if it is still the very one that was shown, or finishes that. It is
   * claimed for this machine first, so that it is lost to nobody else, whatever ends this process.
   */
  async burn({ record, payload, isClaimed }: FoundHandoff): Promise<Revocation> {
    const { history, deadline } = this.options;
    // A PIN opened it without the key, which burning needs.
    const identity = isClaimed ? null : await this.reader.ownKey().openAs(record.publicKey);
    const claim = await history.claim(record, payload);
    // What an earlier pickup sent may have arrived since.
    if (!isClaimed && claim.seqs.length > 0) this.resolution = await this.dht.resolve(record.publicKey, { deadline });
    const isBurning = this.resolution !== undefined && isOwnBurn(claim, this.resolution);
    const burning = identity === null || isBurning ? this.finishBurn(record) : this.burnAs(identity, record);
    return this.ports.withProgress('burning', burning.catch(asHalfBurnt));
  }

  private async burnAs(identity: Identity, record: SignedRecord): Promise<Revocation> {
    const { now, history, deadline } = this.options;
    try {
      const from = this.resolution;
      const burnt = await revoke(this.dht, identity, record.text, { now, history, fate: 'burnt', from, deadline });
      if (burnt !== null) return burnt;
      throw new Failure(
        'refused',
        'Somebody else picked up or revoked this handoff at this very moment; nothing was handed over.',
        'If that was not you on another machine, ask the publisher to publish again.',
      );
    } catch (error) {
      if (error instanceof Failure && error.code === 'refused') await history.dropClaim(record);
      throw error;
    }
  }

  /** Sees to it that enough nodes know a burn that was begun here. */
  private async finishBurn(record: SignedRecord): Promise<Revocation> {
    const { history, deadline } = this.options;
    const { resolution } = this;
    const put = resolution && (await putAgainIfFew(this.dht, resolution, this.nowSeconds, { history, deadline }));
    await history.noteEnded({ record, fate: 'burnt' });
    return { nodes: put?.nodes ?? resolution?.holders ?? 0, older: put?.older ?? 0 };
  }

  end(): void {
    this.reader.wipe();
  }

  private get nowSeconds(): bigint {
    return secondsOf(this.options.now());
  }

  /** The record of a look-up, if it is there to be picked up. */
  private async mustBeThere(lookup: Lookup): Promise<SignedRecord> {
    const memory = await this.options.history.read(this.subject.publicKey);
    if (lookup.record === null) {
      const { isOwn } = this.subject;
      if (isOwn) await this.subject.own?.checkSilently(this.subject.publicKey);
      if (isOwn && ownBurn(this.options.history, memory, lookup.resolution) !== null) throw beganHere();
      throw isOwn && memory.revoked ? revokedHere() : notFound(this.subject, lookup, memory.seq > 0);
    }
    const record = liveRecord(lookup, this.nowSeconds);
    if (record === null) throw await this.expired(lookup.record);
    const isBehind = memory.revoked && memory.placed && this.seq < memory.seq;
    if (isBehind || hasEnded(memory, record)) throw revokedHere();
    return record;
  }

  /** An expired handoff; one's own names its session, if the key opens without a question. */
  private async expired(record: SignedRecord): Promise<Failure> {
    const { isOwn, own } = this.subject;
    const opens = isOwn && own?.opensSilently && modeOf(record) === 'self';
    const payload = opens ? await openRecord(record, await own.open()) : null;
    const session = payload === null ? '' : ` of session ${shorten(payload.session, 36)}`;
    return ended(`The handoff${session} expired ${describeAge(Number(this.nowSeconds - expiresAt(record)))}.`);
  }
}

/**
 * Puts again what too few nodes have of one's own: a burn, a revocation, or a handoff. What came of it is
 * told: what is there, or is not, is the answer either way.
 */
export async function completeOwn(
  dht: Dht,
  resolution: Resolution,
  nowSeconds: bigint,
  { history, deadline }: Pick<LookOptions, 'history' | 'deadline'>,
  { tell, withProgress }: Pick<LookPorts, 'tell' | 'withProgress'>,
): Promise<void> {
  try {
    const putting = putAgainIfFew(dht, resolution, nowSeconds, { history, deadline });
    const put = await withProgress('completing', putting);
    if (put !== null) tell({ kind: 'put again', put });
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'interrupted') throw error;
    tell({ kind: 'not put again', reason: error.message });
  }
}

const secondsOf = (nowMs: number) => BigInt(Math.floor(nowMs / 1000));

function beganHere(): Failure {
  return new Failure(
    'revoked',
    'The handoff under this key was picked up on this machine and burnt, but never handed over: that was interrupted.',
    'Go on with it: cclink pickup',
  );
}

function revokedHere(): Failure {
  return new Failure(
    'revoked',
    'The handoff under this key was burnt or revoked on this machine.',
    'Publish again on the machine that has the session: cclink',
  );
}

function notFound({ isOwn, own, publicKey }: Subject, { resolution }: Lookup, publishedHere: boolean): Failure {
  const key = encodePublicKey(publicKey);
  const { answered } = resolution.network;
  if (!isOwn || own === null) {
    return new Failure(
      'not-found',
      `There is no handoff under ${key} (${answered} nodes answered).`,
      'Compare the key with what cclink whoami shows on the other machine. If it is the same, the handoff has expired or the network has forgotten it: ask for it to be published again.',
    );
  }
  const made = new Date(own.madeAtMs).toISOString().slice(0, 10);
  return new Failure(
    'not-found',
    `There is no handoff under your key ${key}, which has been on this machine since ${made} (${answered} nodes answered).`,
    [
      'Most likely, in this order:',
      ...(publishedHere
        ? ['- you published here, and it was picked up and burnt, or revoked, on another machine']
        : []),
      '- the other machine has another key: compare cclink whoami on both, and bring the key over with cclink init --import',
      '- it has expired or was revoked: publish again, with a longer --ttl',
      '- the network has forgotten it, as it does within hours if nobody renews it: publish again',
    ].join('\n'),
  );
}

function ended(message: string): Failure {
  return new Failure(
    'expired',
    message,
    'Publish it again on the machine that has the session, with a longer --ttl if need be.',
  );
}

/** Why a handoff can't be used here; null if it can. */
async function obstacleTo(found: FoundHandoff, ports: PickupPorts, options: PickupOptions): Promise<Failure | null> {
  return sessionObstacle(found, options.places.claudeFolder) ?? (await ports.obstacle(found, isSpentBy(found)));
}

/** A burn that did not reach enough nodes: the next pickup goes on with it. */
function asHalfBurnt(error: unknown): never {
  if (!(error instanceof Failure) || error.code !== 'not-burnt') throw error;
  throw new Failure(
    'not-burnt',
    `${error.message} Nothing was handed over.`,
    'It may be half burnt, and waits for you on this machine: type the same again in a moment.',
    { cause: error, details: error.details },
  );
}
