import type { Resolution } from '../dht/client.ts';
import { parsePacket } from '../dht/dns-packet.ts';
import { Failure } from '../failure.ts';
import type { History } from '../handoff/history.ts';
import { openRecord } from '../handoff/open.ts';
import { modeOf, parseRecord, parseRecordIfValid } from '../handoff/record.ts';
import { putAgainIfFew, type Revocation, revoke, stillGiven } from '../handoff/revoke.ts';
import { HANDOFF_TXT } from '../handoff/txt-record.ts';
import type { OwnKey } from '../identity/own-key.ts';
import { encodePublicKey, samePublicKey } from '../identity/public-key.ts';
import type { Identity } from '../identity/unlock.ts';
import { interruptible } from '../interruption.ts';
import { describeMode } from '../terminal/handoff-view.ts';
import { describeAge } from '../time.ts';
import { type Context, nowSeconds, openBundles, openHistory } from './context.ts';
import type { Declaration } from './declaration.ts';
import { tellOfLeftBundles } from './left-bundles.ts';
import { ownResolution, withDht } from './network.ts';
import { withOwnKey } from './secrets.ts';
import { parseWho } from './who.ts';

const SESSION_ID_PREFIX = /^[0-9a-f]{8}[0-9a-f-]{0,28}$/i;

export const command: Declaration = {
  argument: '[who]',
  summary: 'revoke your handoff',
  options: [{ flags: '--all', description: 'everything under your key (there is one handoff at a time)' }],
  help: 'who: nothing or your own public key; or the id of a session, to revoke that only.',
  yes: true,
  json: true,
  timeout: true,
  run: ({ context, args: [who] }) => withOwnKey(context, (own) => revokeHandoff(context, own, who)),
};

/**
 * `cclink revoke`: revokes the handoff under the own key. `who` is nothing, the own key, or the id of a
 * session (or at least its first 8 characters): then only a handoff of that session is revoked.
 */
async function revokeHandoff(context: Context, own: OwnKey, who: string | undefined): Promise<void> {
  const { output, questions } = context;
  const sessionPrefix = who !== undefined && SESSION_ID_PREFIX.test(who) ? who.toLowerCase() : null;
  const named = who === undefined || sessionPrefix !== null ? null : parseWho(who);
  const publicKey = await own.publicKey();
  if (named !== null && !samePublicKey(named, publicKey)) {
    throw new Failure(
      'usage',
      'Only its publisher can revoke a handoff, and that is not your key.',
      'Leave the key out to revoke your own: cclink revoke',
    );
  }
  const history = openHistory(context);
  const bundles = openBundles(context);
  await bundles.sweep();
  const removeBundles = async () => tellOfLeftBundles(context, await bundles.removeUnder(encodePublicKey(publicKey)));
  await withDht(context, async (dht, deadline) => {
    const resolution = await ownResolution(context, dht.resolve(publicKey, { deadline }));
    const text = handoffIn(resolution);
    const nothing = { publicKey: encodePublicKey(publicKey), revoked: false, nodes: 0, older: 0 };
    if (text === null) {
      const completing = putAgainIfFew(dht, resolution, nowSeconds(), { history, deadline });
      const completed = await output.progress('Revoking …', completing);
      if (await giveUpClaim(history, publicKey, sessionPrefix ?? '')) {
        output.say('The pickup of it that was interrupted here is given up.');
      }
      await removeBundles();
      if (completed === null) await own.checkSilently(publicKey);
      if (completed === null) return output.result(nothing, 'There is nothing to revoke under your key.');
      return showRevocation(
        context,
        publicKey,
        completed,
        (nodes) => `An earlier revocation had reached too few nodes; ${nodes} hold it now.`,
      );
    }

    if (sessionPrefix !== null && !(await isOfSession(text, await own.openAs(publicKey), sessionPrefix))) {
      return output.result(nothing, 'The handoff under your key is of another session. It was not touched.');
    }
    output.say(describeShown(text, publicKey));
    if (!context.yes && !(await questions.confirm('Revoke it?', 'Answer it with -y'))) {
      throw new Failure('interrupted', 'Not revoked; the handoff is still there.');
    }
    const identity = await own.openAs(publicKey);
    const revoking = output.progress(
      'Revoking …',
      revoke(dht, identity, text, { now: Date.now, history, from: resolution, deadline }),
    );
    const revoked = await interruptible(
      'Interrupted while it was being revoked: some nodes may still give it.',
      'To go on: cclink revoke',
      revoking,
    );
    await removeBundles();
    if (revoked === null) output.result(nothing, 'There is nothing to revoke under your key any more.');
    else showRevocation(context, publicKey, revoked, (nodes) => `Revoked; ${nodes} nodes confirmed it.`);
  });
}

/**
 * The handoff in the newest packet, or in one that contradicts it under the same number; null if there is
 * none.
 */
function handoffIn({ publicKey, newest, nodes }: Resolution): string | null {
  if (newest === null) return null;
  const others = nodes.flatMap(({ item }) => (item?.seq === newest.seq ? item : []));
  for (const { value } of [newest, ...others]) {
    const text = HANDOFF_TXT.read(parsePacket(value), encodePublicKey(publicKey));
    if (text !== null) return text;
  }
  return null;
}

/**
 * What is revoked is not handed over any more, not even to a pickup here that was interrupted. True if
 * there was one, of a session whose id begins with `prefix`.
 */
async function giveUpClaim(history: History, publicKey: Uint8Array, prefix: string): Promise<boolean> {
  const { claim } = await history.read(publicKey);
  if (claim === null || !history.isLeft(claim) || !claim.payload.session.startsWith(prefix)) return false;
  await history.dropClaim({ publicKey, text: claim.record });
  return true;
}

function showRevocation(
  { output }: Context,
  publicKey: Uint8Array,
  revocation: Revocation,
  what: (nodes: number) => string,
): void {
  const { nodes, older } = revocation;
  output.result({ publicKey: encodePublicKey(publicKey), revoked: true, nodes, older }, what(nodes));
  if (older > 0) output.warn(`${stillGiven(older)}, until they forget it in some hours. To try again: cclink revoke`);
}

async function isOfSession(text: string, identity: Identity, prefix: string): Promise<boolean> {
  const record = parseRecord(text, identity.publicKey);
  if (modeOf(record) !== 'self') {
    throw new Failure(
      'usage',
      'The handoff under your key is sealed for others, so its session cannot be told here.',
      'To revoke it whatever it is: cclink revoke',
    );
  }
  return (await openRecord(record, identity))?.session.startsWith(prefix) ?? false;
}

/**
 * What is about to be revoked. Even a record that can't be read can be revoked: it is under the user's own
 * key.
 */
function describeShown(text: string, publicKey: Uint8Array): string {
  const record = parseRecordIfValid(text, publicKey);
  if (record === null) return 'There is a handoff under your key that cannot be read.';
  const age = describeAge(Number(nowSeconds() - record.createdAt));
  return `A handoff ${describeMode(record, true)}${record.burn ? ' (burn)' : ''}, published ${age}.`;
}
