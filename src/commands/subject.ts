import type { Deadline } from '../dht/deadline.ts';
import type { LookOptions, LookPorts, look, Notice, Step } from '../handoff/pickup.ts';
import { isKeyOf, type PinSource, type Subject } from '../handoff/reader.ts';
import type { PutAgain } from '../handoff/revoke.ts';
import { interruptible } from '../interruption.ts';
import { type Context, openHistory, placesOf } from './context.ts';
import { tellOfLeftBundles } from './left-bundles.ts';
import { withDht } from './network.ts';
import { withOwnKey, withOwnKeyIfAny } from './secrets.ts';
import { parseWho } from './who.ts';

/**
 * Runs `work` on the key that a `who` argument names, or the own one, with all that looking under it takes.
 *
 * Throws `no-key` where the own key is needed and missing.
 */
export function withSubject<T>(
  context: Context,
  who: string | undefined,
  work: (...given: Parameters<typeof look>) => Promise<T>,
): Promise<T> {
  const lookUnder = (subject: Subject) =>
    withDht(context, (dht, deadline) => work(dht, subject, portsOf(context), optionsOf(context, deadline)));
  if (who === undefined) {
    return withOwnKey(context, async (own) => lookUnder({ publicKey: await own.publicKey(), isOwn: true, own }));
  }
  const publicKey = parseWho(who);
  return withOwnKeyIfAny(context, (own) => lookUnder({ publicKey, isOwn: isKeyOf(own, publicKey), own }));
}

function optionsOf(context: Context, deadline: Deadline): LookOptions {
  return { deadline, history: openHistory(context), places: placesOf(context), now: Date.now };
}

export const STEPS: Readonly<Record<Step, string>> = {
  asking: 'Asking the network …',
  deriving: 'Deriving the key of the PIN …',
  burning: 'Burning it …',
  completing: 'Putting again what too few nodes have …',
};

/** How a look-up asks and tells the user. */
export function portsOf(context: Context): LookPorts {
  const { output } = context;
  const tell = (notice: Notice) => {
    switch (notice.kind) {
      case 'newer':
        return output.say('A newer handoff is there now.');
      case 'put again':
        return output.say(describePutAgain(notice.put));
      case 'not put again':
        return output.warn(notice.reason);
      case 'not revoked':
        return output.warn(HALF_REVOKED);
      case 'goes on':
        return output.say('You picked this up here, and were interrupted while it was burnt; now it goes on.');
      case 'bundle left':
        return tellOfLeftBundles(context, notice.folders);
    }
  };
  const withProgress = <T>(step: Step, work: Promise<T>) => {
    const [message, hint] = step === 'burning' ? HALF_BURNT : ['Interrupted; nothing was picked up.'];
    return interruptible(message, hint, output.progress(STEPS[step], work));
  };
  return { pins: pinSource(context), tell, withProgress };
}

const HALF_BURNT = [
  'Interrupted while it was being burnt: it may be gone from the network, and waits for you on this machine.',
  'Go on with it: cclink pickup',
] as const;

export const HALF_REVOKED =
  'you began to revoke this handoff here, and too few nodes took that. To try again: cclink revoke';

/** Says that what too few nodes had was put again. */
function describePutAgain({ isRevocation, nodes }: PutAgain): string {
  return isRevocation
    ? `It had been burnt or revoked, and too few nodes knew: ${nodes} nodes know it now.`
    : `Too few nodes had the handoff: ${nodes} nodes have it now.`;
}

function pinSource({ environment, output, questions }: Context): PinSource {
  if (environment.pin !== undefined) return { kind: 'value', value: environment.pin };
  return {
    kind: 'ask',
    ask: (isAgain) => {
      if (isAgain) output.warn('that is not the PIN; try again.');
      return questions.secret('PIN of the handoff', 'Set CCLINK_PIN');
    },
  };
}
