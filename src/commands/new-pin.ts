import { Failure } from '../failure.ts';
import { makePin } from '../handoff/pin.ts';
import { weaknessOf } from '../identity/secret-strength.ts';
import type { Context } from './context.ts';
import { newSecret } from './secrets.ts';

/** A PIN (UTF-8 bytes), and whether cclink made it: nobody guesses such a one. */
export interface NewPin {
  readonly pin: Uint8Array;
  readonly isMade: boolean;
}

/**
 * The PIN that something is sealed with: from `CCLINK_PIN`, or asked for twice. A bare Return
 * makes one and shows it. `guessing` says who can try PINs, for whoever chose a weak one; `beside` what the
 * PIN must not be sent with.
 *
 * Throws `usage` if the one in the variable is weak, or if nobody can be asked.
 */
export async function newPin(
  context: Context,
  { guessing, beside }: { readonly guessing: string; readonly beside: string },
): Promise<NewPin> {
  const { environment, output } = context;
  if (environment.pin !== undefined) {
    const weakness = weaknessOf(environment.pin);
    if (weakness === null) return { pin: Buffer.from(environment.pin), isMade: false };
    throw new Failure('usage', `The PIN in CCLINK_PIN is too weak: ${weakness}.`, `Take a longer one. ${guessing}`);
  }
  let isMade = false;
  const pin = await newSecret(context, {
    question: 'PIN (Return makes one of five words)',
    again: 'The same PIN again',
    instead: 'Set CCLINK_PIN',
    weakness: (typed) => {
      const weakness = weaknessOf(typed);
      return (
        weakness &&
        `that PIN is too weak: ${weakness}. Take a longer one, or press Return to have one made. ${guessing}`
      );
    },
    onEmpty: async () => {
      const { wordlist } = await import('@scure/bip39/wordlists/english.js');
      const made = makePin(wordlist);
      process.stderr.write(`PIN: ${output.style.bold(made)}\nSend it by another channel than ${beside}.\n`);
      isMade = true;
      return Buffer.from(made);
    },
  });
  return { pin, isMade };
}
