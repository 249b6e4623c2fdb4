import type { Dht, Resolution } from '../dht/client.ts';
import { Failure } from '../failure.ts';
import { type Lookup, liveRecord, type Sighting, search } from '../handoff/lookup.ts';
import { recall } from '../handoff/memory.ts';
import { openRecord } from '../handoff/open.ts';
import type { Payload } from '../handoff/payload.ts';
import { expiresAt, isLive, modeOf, type SignedRecord } from '../handoff/record.ts';
import { encodePublicKey, parsePublicKey, samePublicKey } from '../identity/public-key.ts';
import { forget, type Identity } from '../identity/unlock.ts';
import { describeAge } from '../terminal/time.ts';
import { type Context, unixNow } from './context.ts';
import { type LocalSession, localSession } from './local-session.ts';
import {
  keyMadeAt,
  type OwnKey,
  openIdentity,
  opensSilently,
  ownPublicKey,
  readOwnKey,
  readOwnKeyIfAny,
} from './own-key.ts';
import { parseWho } from './who.ts';

/** Under which key to look, and whether it is this machine's own. */
export interface Subject {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly isOwn: boolean;
  /** The key pair of this machine, if it has one. */
  readonly own: OwnKey | null;
}

/** A handoff that was found, verified and opened. */
export interface FoundHandoff {
  readonly subject: Subject;
  readonly record: SignedRecord;
  readonly payload: Payload;
  readonly local: LocalSession;
}

/** The one that counts. */
export interface NewestHandoff extends FoundHandoff {
  /** The whole walk, from which an update can start. */
  readonly resolution: Resolution;
}

/** A look-up under way, and what has come of it so far. */
export interface Finding {
  /** The first handoff that was met, opened; null where it is of no use, or the newest is known already. It may be an old one. */
  readonly first: FoundHandoff | null;
  /**
   * Waits for the newest handoff, and opens it where it is not the first. `shown` is what the user has seen, if anything: where
   * the newest is another, that is said.
   *
   * Throws `not-found`, `expired` or `revoked` where there is none (any more), `cannot-open` where it is not for this reader,
   * `refused` where its session id is none of Claude Code's, and what `lookUp` throws.
   */
  newest(shown: FoundHandoff | null): Promise<NewestHandoff>;
  /** The own key pair, opened once and forgotten when the finding ends. Throws `no-key` where there is none. */
  identity(): Promise<Identity>;
}

/** The subject that a `who` argument names: the own key where there is none. Throws `no-key` where that is missing. */
export async function subjectOf(context: Context, who: string | undefined): Promise<Subject> {
  if (who === undefined) {
    const own = await readOwnKey(context);
    return { publicKey: await ownPublicKey(context, own), isOwn: true, own };
  }
  const publicKey = parseWho(who);
  const own = await readOwnKeyIfAny(context);
  return { publicKey, isOwn: own?.publicKey != null && samePublicKey(own.publicKey, publicKey), own };
}

/**
 * Looks a handoff up and runs `use` on what is found. The first one that is met is verified and opened, asking for a
 * passphrase or a PIN where one is needed, while the walk goes on. Whatever is wrong with it, the newest alone decides.
 */
export async function findHandoff<T>(
  context: Context,
  dht: Dht,
  subject: Subject,
  use: (finding: Finding) => Promise<T>,
): Promise<T> {
  const walk = search(dht, subject.publicKey, unixNow());
  const patiently = <W>(answer: Promise<W>) => context.output.progress('Asking the network …', answer);
  const reader = new Reader(context, subject);
  let walking = true;
  const stop = () => {
    walking = false;
  };
  walk.newest.then(stop, stop);
  try {
    const first = await openFirst(context, reader, await patiently(walk.first));
    return await use({
      // A passphrase takes its time to type: by then the newest may be known.
      first: walking ? first : null,
      newest: async (shown) => {
        const lookup = await patiently(walk.newest);
        const record = await mustBeLive(context, reader, lookup);
        if (shown !== null && shown.record.text !== record.text)
          context.output.say('A newer handoff stands there now.');
        return { ...(await reader.read(record)), resolution: lookup.resolution };
      },
      identity: () => reader.identity(),
    });
  } finally {
    reader.forget();
  }
}

/** The first handoff, opened; null where the newest must be waited for. */
async function openFirst(context: Context, reader: Reader, seen: Sighting | null): Promise<FoundHandoff | null> {
  if (seen === null || seen.seq < recall(context.environment.stateFolder, reader.subject.publicKey).seq) return null;
  try {
    return await reader.read(seen.record);
  } catch (error) {
    // Ctrl-C is meant for everything; whatever else it is, it comes again if this is the newest.
    if (error instanceof Failure && error.code === 'interrupted') throw error;
    return null;
  }
}

/** The newest record; throws what is wrong with it before it is opened. */
async function mustBeLive(context: Context, reader: Reader, lookup: Lookup): Promise<SignedRecord> {
  const { subject } = reader;
  const now = unixNow();
  if (lookup.record === null) throw notFound(context, subject, lookup);
  const record = liveRecord(lookup, now);
  if (record === null) throw await expired(context, reader, lookup.record, now);
  const memory = recall(context.environment.stateFolder, subject.publicKey);
  if (memory.revoked && (lookup.seq ?? 0) < memory.seq) throw revokedHere();
  return record;
}

/** `open`, where what came of the last record stands for the same one again: nobody is asked twice about the first and the newest. */
export function onceInARow<T>(open: (record: SignedRecord) => Promise<T>): (record: SignedRecord) => Promise<T> {
  let last: { readonly text: string; readonly opened: Promise<T> } | null = null;
  return (record) => {
    if (last?.text !== record.text) last = { text: record.text, opened: open(record) };
    return last.opened;
  };
}

/** Throws `expired` where a handoff has ended since it was found. */
export function stillLive({ record }: FoundHandoff): void {
  if (!isLive(record, unixNow())) throw ended('The handoff expired while the question stood.');
}

const PIN_TRIES = 3;

/** Reads the records of a subject. What was asked for one of them serves the next, until it is forgotten. */
class Reader {
  readonly subject: Subject;
  private readonly context: Context;
  private opened: Identity | null = null;
  /** As typed (UTF-8 bytes), or from `CCLINK_PIN`; empty where there was none yet. */
  private pin: Uint8Array;

  constructor(context: Context, subject: Subject) {
    this.context = context;
    this.subject = subject;
    this.pin = Buffer.from(context.environment.pin ?? '');
  }

  /** Opens a record, and finds its session here. */
  readonly read = onceInARow((record) => this.readAnew(record));

  async identity(): Promise<Identity> {
    const { own } = this.subject;
    if (own === null) {
      throw new Failure(
        'no-key',
        'This handoff is sealed for a key, and there is none on this machine.',
        'Make one and give its public key to the publisher: cclink init',
      );
    }
    this.opened ??= await openIdentity(this.context, own);
    return this.opened;
  }

  /** Overwrites the secrets. */
  forget(): void {
    if (this.opened !== null) forget(this.opened);
    this.pin.fill(0);
  }

  private async readAnew(record: SignedRecord): Promise<FoundHandoff> {
    const { subject } = this;
    const payload = modeOf(record) === 'pin' ? await this.openWithPin(record) : await this.openWithKey(record);
    // Only now is it known for sure whose key this is, where an encrypted key has no public key beside it.
    const isOwn = subject.isOwn || (this.opened !== null && samePublicKey(this.opened.publicKey, subject.publicKey));
    return { subject: { ...subject, isOwn }, record, payload, local: localSession(this.context, payload) };
  }

  private async openWithKey(record: SignedRecord): Promise<Payload> {
    const { own, isOwn } = this.subject;
    if (own !== null && own.publicKey !== null && !isFor(record, this.subject, own.publicKey)) {
      throw sealedForAnother(record, isOwn);
    }
    const payload = await openRecord(record, await this.identity());
    if (payload === null) throw sealedForAnother(record, isOwn);
    return payload;
  }

  /** Opens a record with the PIN that there is, else with one that is asked for, up to three times. */
  private async openWithPin(record: SignedRecord): Promise<Payload> {
    const { environment, output, questions } = this.context;
    let payload = this.pin.length > 0 ? await this.tryPin(record) : null;
    for (let left = environment.pin === undefined ? PIN_TRIES : 0; payload === null && left > 0; left--) {
      if (this.pin.length > 0) output.warn('that is not the PIN; try again.');
      const typed = await questions.secret('PIN of the handoff');
      this.pin.fill(0);
      this.pin = Buffer.from(typed);
      payload = await this.tryPin(record);
    }
    if (payload !== null) return payload;
    throw new Failure(
      'cannot-open',
      'That is not the PIN of this handoff.',
      'Ask the publisher for it, and pick up again.',
    );
  }

  private tryPin(record: SignedRecord): Promise<Payload | null> {
    return this.context.output.progress('Deriving the key of the PIN …', openRecord(record, { pin: this.pin }));
  }
}

/** Whether the record says that it is sealed for `ownKey`; true where it does not say it in a form that can be compared. */
function isFor(record: SignedRecord, subject: Subject, ownKey: Uint8Array): boolean {
  if (record.recipient === null) return samePublicKey(subject.publicKey, ownKey);
  try {
    return samePublicKey(parsePublicKey(record.recipient), ownKey);
  } catch {
    return true;
  }
}

function sealedForAnother(record: SignedRecord, isOwn: boolean): Failure {
  if (isOwn) {
    return new Failure(
      'cannot-open',
      `You sealed this handoff for another key: ${record.recipient}. Only its owner can open it.`,
      'To take it back: cclink revoke',
    );
  }
  return new Failure(
    'cannot-open',
    record.recipient === null
      ? 'This handoff is sealed for its publisher alone.'
      : `This handoff is sealed for another key: ${record.recipient}.`,
    'Ask the publisher to seal it for yours: cclink --share <your public key> (you see it with cclink whoami)',
  );
}

function revokedHere(): Failure {
  return new Failure(
    'revoked',
    'The handoff under your key was burnt or taken back on this machine.',
    'Publish again on the machine that has the session: cclink',
  );
}

function notFound(context: Context, subject: Subject, lookup: Lookup): Failure {
  if (subject.isOwn && recall(context.environment.stateFolder, subject.publicKey).revoked) return revokedHere();
  const key = encodePublicKey(subject.publicKey);
  const { answered } = lookup.resolution.network;
  if (!subject.isOwn) {
    return new Failure(
      'not-found',
      `There is no handoff under ${key} (${answered} nodes answered).`,
      'Compare the key with what cclink whoami shows on the other machine; it may also have expired, or the network forgot it: ask for it to be published again.',
    );
  }
  const made = new Date(keyMadeAt(context)).toISOString().slice(0, 10);
  return new Failure(
    'not-found',
    `There is no handoff under your key ${key}, which has been on this machine since ${made} (${answered} nodes answered).`,
    [
      'Most likely, in this order:',
      ...(recall(context.environment.stateFolder, subject.publicKey).seq > 0
        ? ['  you published here: it was picked up and burnt, or taken back, on another machine']
        : []),
      '  the other machine has another key: compare cclink whoami on both, and bring the key over with cclink init --import',
      '  it has expired, or was taken back: publish again with a longer --ttl',
      '  the network forgot it, as it does within hours while nobody renews it: publish again',
    ].join('\n'),
  );
}

/** An expired handoff; an own one names its session, where that needs no question. */
async function expired(context: Context, reader: Reader, record: SignedRecord, now: bigint): Promise<Failure> {
  const { subject } = reader;
  const age = describeAge(Number(now - expiresAt(record)));
  let session = '';
  if (subject.isOwn && subject.own !== null && modeOf(record) === 'self' && opensSilently(context, subject.own)) {
    const payload = await openRecord(record, await reader.identity());
    if (payload !== null) session = ` of session ${payload.session}`;
  }
  return ended(`The handoff${session} expired ${age}.`);
}

function ended(message: string): Failure {
  return new Failure(
    'expired',
    message,
    'Publish it again on the machine that has the session, with a longer --ttl if need be.',
  );
}
