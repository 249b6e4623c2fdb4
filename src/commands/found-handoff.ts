import type { Dht } from '../dht/client.ts';
import { Failure } from '../failure.ts';
import { type Lookup, liveRecord, lookUp } from '../handoff/lookup.ts';
import { recall } from '../handoff/memory.ts';
import { type Opener, openRecord } from '../handoff/open.ts';
import type { Payload } from '../handoff/payload.ts';
import { expiresAt, isLive, modeOf, type SignedRecord } from '../handoff/record.ts';
import { encodePublicKey, parsePublicKey, samePublicKey } from '../identity/public-key.ts';
import { forget, type Identity } from '../identity/unlock.ts';
import { describeAge } from '../terminal/time.ts';
import { type Context, unixNow } from './context.ts';
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
  readonly lookup: Lookup;
  readonly record: SignedRecord;
  readonly payload: Payload;
  /** The opened identity, where opening needed it. */
  readonly identity: Identity | null;
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
 * Looks a handoff up, verifies it and opens it, asking for a passphrase or a PIN where one is needed.
 *
 * Throws `not-found`, `expired` or `revoked` where there is none (any more), `cannot-open` where it is not for this reader,
 * and what `lookUp` throws.
 */
export async function findHandoff(context: Context, dht: Dht, subject: Subject): Promise<FoundHandoff> {
  const lookup = await context.output.progress('Asking the network …', lookUp(dht, subject.publicKey));
  const now = unixNow();
  if (lookup.record === null) throw notFound(context, subject, lookup);
  const record = liveRecord(lookup, now);
  if (record === null) throw await expired(context, subject, lookup.record, now);
  const memory = recall(context.environment.stateFolder, subject.publicKey);
  if (memory.revoked && (lookup.seq ?? 0) < memory.seq) throw revokedHere();
  const opened = await open(context, subject, record);
  // Only now is it known for sure whose key this is, where an encrypted key has no public key beside it.
  const isOwn =
    subject.isOwn || (opened.identity !== null && samePublicKey(opened.identity.publicKey, subject.publicKey));
  return { subject: { ...subject, isOwn }, lookup, record, ...opened };
}

/** Throws `expired` where a handoff has ended since it was found. */
export function stillLive({ record }: FoundHandoff): void {
  if (!isLive(record, unixNow())) throw ended('The handoff expired while the question stood.');
}

async function open(
  context: Context,
  subject: Subject,
  record: SignedRecord,
): Promise<{ payload: Payload; identity: Identity | null }> {
  if (modeOf(record) === 'pin') return { payload: await openWithPinAsked(context, record), identity: null };
  const { own } = subject;
  if (own === null) {
    throw new Failure(
      'no-key',
      'This handoff is sealed for a key, and there is none on this machine.',
      'Make one and give its public key to the publisher: cclink init',
    );
  }
  if (own.publicKey !== null && !isFor(record, subject, own.publicKey)) throw sealedForAnother(record, subject.isOwn);
  const identity = await openIdentity(context, own);
  const payload = await openRecord(record, identity);
  if (payload === null) {
    forget(identity);
    throw sealedForAnother(record, subject.isOwn);
  }
  return { payload, identity };
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

const PIN_TRIES = 3;

async function openWithPinAsked(context: Context, record: SignedRecord): Promise<Payload> {
  const { environment, output, questions } = context;
  const given = environment.pin;
  for (let left = given === undefined ? PIN_TRIES : 1; left > 0; left--) {
    const pin = Buffer.from(given ?? (await questions.secret('PIN of the handoff')));
    try {
      const payload = await output.progress(
        'Deriving the key of the PIN …',
        openRecord(record, { pin } satisfies Opener),
      );
      if (payload !== null) return payload;
    } finally {
      pin.fill(0);
    }
    if (left > 1) output.warn('that is not the PIN; try again.');
  }
  throw new Failure(
    'cannot-open',
    'That is not the PIN of this handoff.',
    'Ask the publisher for it, and pick up again.',
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
async function expired(context: Context, subject: Subject, record: SignedRecord, now: bigint): Promise<Failure> {
  const age = describeAge(Number(now - expiresAt(record)));
  let session = '';
  if (subject.isOwn && subject.own !== null && modeOf(record) === 'self' && opensSilently(context, subject.own)) {
    const identity = await openIdentity(context, subject.own);
    const payload = await openRecord(record, identity);
    forget(identity);
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
