import type { Dht, Resolution } from '../dht/client.ts';
import type { Deadline } from '../dht/deadline.ts';
import { Failure } from '../failure.ts';
import { type Lookup, liveRecord, type Sighting, search } from '../handoff/lookup.ts';
import { openRecord } from '../handoff/open.ts';
import { expiresAt, isLive, modeOf, type SignedRecord } from '../handoff/record.ts';
import { encodePublicKey, samePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { describeAge } from '../time.ts';
import { type Context, openHistory, unixNow } from './context.ts';
import { type FoundHandoff, HandoffReader, type Subject } from './handoff-reader.ts';
import { withOwnKey, withOwnKeyIfAny } from './secrets.ts';
import { parseWho } from './who.ts';

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
  /** The own key pair, which must be that of `publicKey`. Throws `no-key` where there is none, else as `openAs` does. */
  identity(publicKey: Uint8Array): Promise<Identity>;
}

/**
 * Runs `work` on the subject that a `who` argument names, the own key where there is none, and wipes the own key
 * afterwards. Throws `no-key` where that is needed and missing.
 */
export async function withSubject<T>(
  context: Context,
  who: string | undefined,
  work: (subject: Subject) => Promise<T>,
): Promise<T> {
  if (who === undefined) {
    return withOwnKey(context, async (own) => work({ publicKey: await own.publicKey(), isOwn: true, own }));
  }
  const publicKey = parseWho(who);
  return withOwnKeyIfAny(context, (own) => {
    const known = own?.knownPublicKey ?? null;
    return work({ publicKey, isOwn: known !== null && samePublicKey(known, publicKey), own });
  });
}

/** The network, the time that a command may take there, and what is done where the newest packet holds no handoff. */
export interface Look {
  readonly dht: Dht;
  readonly deadline: Deadline;
  readonly onNothing?: (resolution: Resolution) => Promise<void>;
}

/**
 * Looks a handoff up and runs `use` on what is found. The first one that is met is verified and opened, asking for a
 * passphrase or a PIN where one is needed, while the walk goes on. Whatever is wrong with it, the newest alone decides.
 */
export async function findHandoff<T>(
  context: Context,
  { dht, deadline, onNothing }: Look,
  subject: Subject,
  use: (finding: Finding) => Promise<T>,
): Promise<T> {
  const walk = search(dht, subject.publicKey, unixNow(), { deadline });
  const patiently = <W>(answer: Promise<W>) => context.output.progress('Asking the network …', answer);
  const reader = new HandoffReader(context, subject);
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
        if (lookup.record === null) await onNothing?.(lookup.resolution);
        const record = await mustBeLive(context, reader, lookup);
        if (shown !== null && shown.record.text !== record.text)
          context.output.say('A newer handoff stands there now.');
        return { ...(await reader.read(record)), resolution: lookup.resolution };
      },
      identity: (publicKey) => reader.ownKey().openAs(publicKey),
    });
  } finally {
    reader.forget();
  }
}

/** The first handoff, opened; null where the newest must be waited for. */
async function openFirst(context: Context, reader: HandoffReader, seen: Sighting | null): Promise<FoundHandoff | null> {
  if (seen === null || seen.seq < openHistory(context).read(reader.subject.publicKey).seq) return null;
  try {
    return await reader.read(seen.record);
  } catch (error) {
    // Ctrl-C is meant for everything; whatever else it is, it comes again if this is the newest.
    if (error instanceof Failure && error.code === 'interrupted') throw error;
    return null;
  }
}

/** The newest record; throws what is wrong with it before it is opened. */
async function mustBeLive(context: Context, reader: HandoffReader, lookup: Lookup): Promise<SignedRecord> {
  const { subject } = reader;
  const now = unixNow();
  if (lookup.record === null) throw notFound(context, subject, lookup);
  const record = liveRecord(lookup, now);
  if (record === null) throw await expired(reader, lookup.record, now);
  const history = openHistory(context);
  const memory = history.read(subject.publicKey);
  if ((memory.revoked && (lookup.seq ?? 0) < memory.seq) || history.hasEnded(record)) throw revokedHere();
  return record;
}

/** Throws `expired` where a handoff has ended since it was found. */
export function stillLive({ record }: FoundHandoff): void {
  if (!isLive(record, unixNow())) throw ended('The handoff expired while the question stood.');
}

function revokedHere(): Failure {
  return new Failure(
    'revoked',
    'The handoff under your key was burnt or taken back on this machine.',
    'Publish again on the machine that has the session: cclink',
  );
}

function notFound(context: Context, subject: Subject, lookup: Lookup): Failure {
  if (subject.isOwn && openHistory(context).read(subject.publicKey).revoked) return revokedHere();
  const key = encodePublicKey(subject.publicKey);
  const { answered } = lookup.resolution.network;
  if (!subject.isOwn) {
    return new Failure(
      'not-found',
      `There is no handoff under ${key} (${answered} nodes answered).`,
      'Compare the key with what cclink whoami shows on the other machine; it may also have expired, or the network forgot it: ask for it to be published again.',
    );
  }
  const made = new Date(subject.own?.madeAtMs ?? 0).toISOString().slice(0, 10);
  return new Failure(
    'not-found',
    `There is no handoff under your key ${key}, which has been on this machine since ${made} (${answered} nodes answered).`,
    [
      'Most likely, in this order:',
      ...(openHistory(context).read(subject.publicKey).seq > 0
        ? ['  you published here: it was picked up and burnt, or taken back, on another machine']
        : []),
      '  the other machine has another key: compare cclink whoami on both, and bring the key over with cclink init --import',
      '  it has expired, or was taken back: publish again with a longer --ttl',
      '  the network forgot it, as it does within hours while nobody renews it: publish again',
    ].join('\n'),
  );
}

/** An expired handoff; an own one names its session, where that needs no question. */
async function expired(reader: HandoffReader, record: SignedRecord, now: bigint): Promise<Failure> {
  const { subject } = reader;
  const age = describeAge(Number(now - expiresAt(record)));
  let session = '';
  if (subject.isOwn && subject.own?.opensSilently && modeOf(record) === 'self') {
    const payload = await openRecord(record, await reader.ownKey().open());
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
