import type { Environment } from '../environment.ts';
import { Failure } from '../failure.ts';
import { sweepBesideKey } from '../identity/key-file.ts';
import { OwnKey } from '../identity/own-key.ts';
import { passphraseBytes, passphraseFromCommand } from '../identity/passphrase.ts';
import { weaknessOf } from '../identity/secret-strength.ts';
import type { PassphraseSource } from '../identity/unlock.ts';
import { wayOut } from './agent.ts';
import type { Context } from './context.ts';

/** Runs `work` with the key of this machine, and wipes it afterwards. Throws `no-key` where there is none. */
export async function withOwnKey<T>(context: Context, work: (own: OwnKey) => Promise<T>): Promise<T> {
  sweepBesideKey(context.environment.keyFile);
  const own = OwnKey.read(context.environment.keyFile, passphraseSource(context));
  try {
    return await work(own);
  } finally {
    own.wipe();
  }
}

/** The same where a key may be missing: `own` is null then. */
export async function withOwnKeyIfAny<T>(context: Context, work: (own: OwnKey | null) => Promise<T>): Promise<T> {
  sweepBesideKey(context.environment.keyFile);
  const own = OwnKey.ifAny(context.environment.keyFile, passphraseSource(context));
  try {
    return await work(own);
  } finally {
    own?.wipe();
  }
}

/**
 * Where the passphrase of the key comes from: the environment, `CCLINK_PASSPHRASE_COMMAND`, or a question.
 */
export function passphraseSource(
  { environment, output, questions }: Context,
  question = 'Passphrase of your key',
): PassphraseSource {
  const { passphrase, passphraseCommand, variables, underClaudeCode } = environment;
  if (passphrase !== undefined) return { kind: 'value', value: passphrase };
  if (passphraseCommand !== undefined) {
    // The command may ask somebody too.
    return { kind: 'command', command: passphraseCommand, env: variables, beforehand: questions.release };
  }
  return {
    kind: 'ask',
    ask: (attempt) => {
      if (underClaudeCode) throw passphraseUnderClaude(environment);
      if (attempt > 1) output.warn('that is not the passphrase; try again.');
      return questions.secret(question, 'Set CCLINK_PASSPHRASE_COMMAND or CCLINK_PASSPHRASE');
    },
  };
}

function passphraseUnderClaude(environment: Environment): Failure {
  return new Failure(
    'refused',
    'Your key has a passphrase, and nobody can be asked for it inside Claude Code.',
    `Set CCLINK_PASSPHRASE_COMMAND before you start claude. ${wayOut(environment)}`,
  );
}

/**
 * A secret that the user makes up (UTF-8 bytes): asked for until it is good enough and typed twice alike.
 * `onEmpty` answers a bare Return.
 */
export async function newSecret(
  { output, questions }: Context,
  secret: {
    readonly question: string;
    readonly again: string;
    /** What to do where nobody can be asked. */
    readonly instead: string;
    /** Why the secret won't do, with what to do instead; null if it will. */
    readonly weakness: (typed: Uint8Array) => string | null;
    readonly onEmpty?: () => Promise<Uint8Array>;
  },
): Promise<Uint8Array> {
  for (;;) {
    const typed = await questions.secret(secret.question, secret.instead);
    if (typed.length === 0 && secret.onEmpty !== undefined) return secret.onEmpty();
    const weakness = secret.weakness(typed);
    if (weakness === null) {
      const again = await questions.secret(secret.again, secret.instead);
      const areAlike = Buffer.compare(typed, again) === 0;
      again.fill(0);
      if (areAlike) return typed;
    }
    typed.fill(0);
    output.warn(weakness ?? 'the two differ; once more.');
  }
}

const WEAK_HINT = 'Take a longer one; a few random words are good.';

/**
 * The passphrase (UTF-8 bytes) of a key that is made or imported: from `CCLINK_PASSPHRASE`, from
 * `CCLINK_PASSPHRASE_COMMAND`, or asked for twice. Throws `usage` if a given one is weak.
 */
export async function passphraseOfNewKey(context: Context): Promise<Uint8Array> {
  const { passphrase, passphraseCommand, variables } = context.environment;
  if (passphrase !== undefined) return strong(passphraseBytes(passphrase), 'The passphrase in CCLINK_PASSPHRASE');
  if (passphraseCommand !== undefined) {
    const printed = await passphraseFromCommand(passphraseCommand, variables);
    return strong(printed, 'The passphrase from CCLINK_PASSPHRASE_COMMAND');
  }
  return askedForPassphrase(
    context,
    'Passphrase for the key (at least 8 characters)',
    'Set CCLINK_PASSPHRASE_COMMAND or CCLINK_PASSPHRASE, add --no-passphrase',
  );
}

/**
 * The passphrase (UTF-8 bytes) that takes the place of another: from `CCLINK_NEW_PASSPHRASE`, or asked for
 * twice. Throws `usage` if a given one is weak, or if nobody can be asked.
 */
export async function replacingPassphrase(context: Context): Promise<Uint8Array> {
  const { newPassphrase } = context.environment;
  if (newPassphrase !== undefined)
    return strong(passphraseBytes(newPassphrase), 'The passphrase in CCLINK_NEW_PASSPHRASE');
  return askedForPassphrase(
    context,
    'New passphrase for the key (at least 8 characters)',
    'Set CCLINK_NEW_PASSPHRASE, add --no-passphrase to leave the key unencrypted',
  );
}

function strong(passphrase: Uint8Array, which: string): Uint8Array {
  const weakness = weaknessOf(passphrase);
  if (weakness === null) return passphrase;
  passphrase.fill(0);
  throw new Failure('usage', `${which} is too weak: ${weakness}.`, WEAK_HINT);
}

function askedForPassphrase(context: Context, question: string, instead: string): Promise<Uint8Array> {
  return newSecret(context, {
    question,
    again: 'The same again',
    instead,
    weakness: (typed) => {
      const weakness = weaknessOf(typed);
      return weakness && `that passphrase is too weak: ${weakness}. ${WEAK_HINT}`;
    },
  });
}
