import { Failure } from '../failure.ts';
import { OwnKey } from '../identity/own-key.ts';
import type { PassphraseSource } from '../identity/unlock.ts';
import type { Context } from './context.ts';

/** Runs `work` with the key of this machine, and wipes it afterwards. Throws `no-key` where there is none. */
export async function withOwnKey<T>(context: Context, work: (own: OwnKey) => Promise<T>): Promise<T> {
  const own = OwnKey.read(context.environment.keyFile, passphraseSource(context));
  try {
    return await work(own);
  } finally {
    own.wipe();
  }
}

/** The same where a key may be missing: `own` is null then. */
export async function withOwnKeyIfAny<T>(context: Context, work: (own: OwnKey | null) => Promise<T>): Promise<T> {
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
function passphraseSource({ environment, output, questions }: Context): PassphraseSource {
  const { passphrase, passphraseCommand, variables, underClaudeCode, line } = environment;
  if (passphrase !== undefined) return { kind: 'value', value: passphrase };
  if (passphraseCommand !== undefined) return { kind: 'command', command: passphraseCommand, env: variables };
  return {
    kind: 'ask',
    ask: (attempt) => {
      if (underClaudeCode) throw passphraseUnderClaude(line);
      if (attempt > 1) output.warn('that is not the passphrase; try again.');
      return questions.secret('Passphrase of your key');
    },
  };
}

function passphraseUnderClaude(line: string): Failure {
  return new Failure(
    'refused',
    'Your key has a passphrase, and nobody can be asked for it inside Claude Code.',
    `Set CCLINK_PASSPHRASE_COMMAND before you start claude, or type this in a terminal of your own:\n  ${line}`,
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
    /** Why the secret won't do, with what to do instead; null if it will. */
    readonly weakness: (text: string) => string | null;
    readonly onEmpty?: () => Promise<Uint8Array>;
  },
): Promise<Uint8Array> {
  for (;;) {
    const typed = await questions.secret(secret.question);
    if (typed === '' && secret.onEmpty !== undefined) return secret.onEmpty();
    const weakness = secret.weakness(typed);
    if (weakness !== null) output.warn(weakness);
    else if ((await questions.secret(secret.again)) !== typed) output.warn('the two differ; once more.');
    else return Buffer.from(typed);
  }
}
