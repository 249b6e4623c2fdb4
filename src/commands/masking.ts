import { Failure } from '../failure.ts';
import { interruptible } from '../interruption.ts';
import { someOf } from '../terminal/bundle-view.ts';
import { describeFound } from '../terminal/departure-view.ts';
import type { Choice } from '../terminal/prompts.ts';
import { whileMoving } from '../terminal/transfer-progress.ts';
import type { BundleAudience } from '../travel/bundle/manifest.ts';
import { type FreezeOptions, type FrozenSession, freezeSession } from '../travel/leaving/frozen-session.ts';
import type { Context } from './context.ts';
import type { SessionExport } from './session-export.ts';

/** What is to leave for somebody else. */
export interface Leaving {
  readonly exported: SessionExport;
  readonly audience: BundleAudience;
  /** True if nothing leaves after all: then nobody is asked, and what was found is masked. */
  readonly isDryRun: boolean;
  /** What the user is told if it does not leave: `Nothing was exported.` */
  readonly afterStop: string;
}

/**
 * Freezes a session that is to leave for somebody else, shows what looks like a secret in it, and asks what
 * is to become of that: it is masked, unless the user wants it to leave as it is. Whatever is said in the
 * session meanwhile changes nothing. The caller closes it.
 *
 * Throws `interrupted` if the user stops, `usage` if something was found and nobody can be asked, and what
 * `freezeSession` throws.
 */
export async function frozenForOthers(context: Context, leaving: Leaving): Promise<FrozenSession> {
  const { contents } = leaving.exported;
  const frozen = await told(context, 'Looking for secrets', leaving, (onRead) =>
    freezeSession(contents, { ...freezeOptions(context, leaving), onRead }),
  );
  try {
    if (await isToBeMasked(context, frozen, leaving)) {
      await told(context, 'Masking', leaving, (onRead) => frozen.mask(onRead));
    }
    return frozen;
  } catch (error) {
    frozen.close();
    throw error;
  }
}

function freezeOptions({ environment }: Context, { exported, audience }: Leaving): FreezeOptions {
  const { stateFolder, variables } = environment;
  return { ...exported.options, audience, stateFolder, variables: { ...variables, ...ownSecrets(environment) } };
}

/** Our own secrets as they were in the environment, where `printenv` in a session may have shown them. */
function ownSecrets({ passphrase, newPassphrase }: Context['environment']): Readonly<Record<string, string>> {
  const given = Object.entries({ CCLINK_PASSPHRASE: passphrase, CCLINK_NEW_PASSPHRASE: newPassphrase });
  return Object.fromEntries(
    given.flatMap(([name, value]) => (value === undefined ? [] : [[name, Buffer.from(value).toString()]])),
  );
}

/** Does what works on each byte of the session twice, and shows how far it has got. */
async function told<T>(
  { output }: Context,
  label: string,
  { exported, afterStop }: Leaving,
  work: (onRead: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  return whileMoving(output, label, exported.contents().bytes, (moved) =>
    interruptible(
      `Interrupted. ${afterStop}`,
      undefined,
      work((bytes) => moved(bytes / 2)),
    ),
  );
}

/** Shows what was found, and asks whether it is to be masked. */
async function isToBeMasked(
  { output, questions, yes }: Context,
  { found, left }: FrozenSession,
  { exported, isDryRun, afterStop }: Leaving,
): Promise<boolean> {
  if (found.length === 0) {
    output.say(NOTHING_FOUND);
    return false;
  }
  const isAsked = !yes && !isDryRun;
  const tell = isAsked ? output.keep : output.say; // whoever is asked must see it, with --quiet too
  const table = describeFound(found, exported.options.nowMs, output.style);
  tell(`This session shows what looks like keys and passwords:\n${table}`);
  if (!isAsked) return true;
  if (left.length > 0) tell(`Left out in any case: ${someOf(left.map(({ what }) => what))}`);
  const asking = questions.choose(QUESTION, ANSWERS, INSTEAD);
  const answer = await interruptible(`Interrupted. ${afterStop}`, undefined, asking);
  if (answer === 'stop') throw new Failure('interrupted', afterStop);
  return answer === 'mask';
}

const NOTHING_FOUND = 'No keys or passwords were found in it, which is no promise that there are none.';
const QUESTION = 'For somebody else: what is to become of these keys and passwords?';
const INSTEAD = 'Mask them with -y, let them leave with --no-mask';

const ANSWERS: readonly Choice<'mask' | 'send' | 'stop'>[] = [
  {
    name: 'mask them',
    value: 'mask',
    description:
      'Wherever one stands, a placeholder takes its place: [masked 1: GitHub token].\nMasking helps, it does not promise: what looks like no secret is not found.',
  },
  { name: 'send them as they are', value: 'send', description: 'Whoever opens the session can use them.' },
  { name: 'stop', value: 'stop', description: 'Nothing leaves.' },
];
