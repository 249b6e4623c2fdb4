import { localSession } from '../claude/local-session.ts';
import { isSessionId } from '../claude/session-id.ts';
import type { Dht } from '../dht/client.ts';
import type { Deadline } from '../dht/deadline.ts';
import { Failure } from '../failure.ts';
import { ownBurn } from '../handoff/claim.ts';
import { hasEnded, isHalfRevoked } from '../handoff/history.ts';
import { beginSearch, type Lookup, liveRecord } from '../handoff/lookup.ts';
import { openRecord } from '../handoff/open.ts';
import type { Payload } from '../handoff/payload.ts';
import { completeOwn } from '../handoff/pickup.ts';
import { onceInARow } from '../handoff/reader.ts';
import { modeOf, type SignedRecord } from '../handoff/record.ts';
import type { OwnKey } from '../identity/own-key.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import {
  describeExpiry,
  describeHandoff,
  describeLines,
  describeMode,
  handoffJson,
  sessionJson,
} from '../terminal/handoff-view.ts';
import { describeAge } from '../time.ts';
import { type Context, nowSeconds, openHistory, placesOf } from './context.ts';
import type { Declaration } from './declaration.ts';
import { withDht } from './network.ts';
import { withOwnKey } from './secrets.ts';
import { HALF_REVOKED, portsOf, STEPS } from './subject.ts';

export const command: Declaration = {
  summary: 'the live handoffs under your key, as they stand now',
  json: true,
  timeout: true,
  allowedForAgent: () => true,
  run: ({ context }) => withOwnKey(context, (own) => list(context, own)),
};

/**
 * `cclink list`: the live handoffs under the own key. The session is named where no question is needed to
 * open it.
 */
async function list(context: Context, own: OwnKey): Promise<void> {
  const { output } = context;
  const publicKey = await own.publicKey();
  const open = onceInARow((record) => openSilently(own, record));
  const lookup = await withDht(context, async (dht, deadline) => {
    const { first, newest } = beginSearch(dht, publicKey, nowSeconds(), { deadline });
    const withProgress = <T>(answer: Promise<T>) => output.progress('Asking the network …', answer);
    const early = await withProgress(first);
    // The key is derived while the walk goes on, which is of use if the first packet is the newest.
    if (early !== null) await open(early.record).catch(() => {});
    const lookup = await withProgress(newest);
    await tellOfUnfinished(context, dht, lookup, deadline);
    return lookup;
  });
  const now = nowSeconds();
  const record = liveRecord(lookup, now);
  if (record === null) {
    await own.checkSilently(publicKey);
    output.result([], output.quiet ? '' : `No live handoff under your key ${encodePublicKey(publicKey)}.`);
    return;
  }
  const payload = await open(record);
  // Even an id that Claude Code can't have is listed: it is the user's own handoff, and can be revoked.
  const local =
    payload !== null && isSessionId(payload.session)
      ? localSession(placesOf(context), payload.session, payload.project)
      : null;
  const { publicKey: name, mode, burn, createdAt, expiresAt: end } = handoffJson(record);
  output.result(
    [
      {
        publicKey: name,
        mode,
        recipient: record.recipient,
        burn,
        createdAt,
        expiresAt: end,
        session: payload === null ? null : sessionJson(payload, local?.title ?? null),
      },
    ],
    payload === null
      ? describeSealed(context, own, record, now)
      : describeHandoff(record, payload, { nowSeconds: now, local, isOwn: true, style: output.resultStyle }),
  );
}

/** Puts again what too few nodes have, and says what was begun here and not finished. */
async function tellOfUnfinished(context: Context, dht: Dht, lookup: Lookup, deadline: Deadline): Promise<void> {
  const { output } = context;
  const history = openHistory(context);
  const { record, resolution } = lookup;
  await completeOwn(
    dht,
    resolution,
    nowSeconds(),
    { history, deadline },
    {
      tell: portsOf(context).tell,
      withProgress: (step, work) => output.progress(STEPS[step], work),
    },
  );
  const memory = await history.read(resolution.publicKey);
  if (ownBurn(history, memory, resolution) !== null) {
    output.warn('a handoff was picked up here and burnt, but that was interrupted. To go on with it: cclink pickup');
  }
  if (record === null) return;
  if (isHalfRevoked(memory, record)) output.warn(HALF_REVOKED);
  else if (hasEnded(memory, record)) {
    output.warn(
      'this handoff was burnt or revoked here, and somebody has put it back. To revoke it again: cclink revoke',
    );
  }
}

/** The payload, if the own key opens it and nobody must be asked for a passphrase; else null. */
async function openSilently(own: OwnKey, record: SignedRecord): Promise<Payload | null> {
  if (modeOf(record) === 'pin' || !own.opensSilently) return null;
  const identity = await own.openAs(record.publicKey);
  try {
    return await openRecord(record, identity);
  } catch (error) {
    if (error instanceof Failure && error.code === 'cannot-open') return null;
    throw error;
  }
}

function describeSealed(context: Context, own: OwnKey, record: SignedRecord, now: bigint): string {
  // Until the key is opened, the file beside it may be that of another key.
  const byWhom = own.isProven ? ' by you' : '';
  const locked = modeOf(record) === 'self';
  return describeLines(
    [
      ['Session', locked ? 'sealed; to see it: cclink show' : 'sealed'],
      ['Published', `${describeAge(Number(now - record.createdAt))}${byWhom}`],
      ['Expires', describeExpiry(record, now)],
      ['Sealed', describeMode(record, true)],
    ],
    context.output.resultStyle,
  );
}
