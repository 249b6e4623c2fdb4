import { statSync } from 'node:fs';
import type { Resolution } from '../dht/client.ts';
import type { Environment } from '../environment.ts';
import { Failure } from '../failure.ts';
import { publicKeyOfStored, readKeyFile } from '../identity/key-file.ts';
import type { StoredKey } from '../identity/stored-key.ts';
import { type Identity, unlock } from '../identity/unlock.ts';
import type { Context } from './context.ts';

/** The key pair of this machine as far as it is known without a passphrase. */
export interface OwnKey {
  readonly stored: StoredKey;
  /** 32 bytes; null where an encrypted key has no public key beside it yet. */
  readonly publicKey: Uint8Array | null;
}

/** Reads the key file, without opening it. Throws `no-key` where there is none. */
export async function readOwnKey(context: Context): Promise<OwnKey> {
  const { keyFile } = context.environment;
  const stored = readKeyFile(keyFile);
  return { stored, publicKey: publicKeyOfStored(keyFile, stored) };
}

/** The same, or null where there is no key file. */
export async function readOwnKeyIfAny(context: Context): Promise<OwnKey | null> {
  try {
    return await readOwnKey(context);
  } catch (error) {
    if (error instanceof Failure && error.code === 'no-key') return null;
    throw error;
  }
}

/** True if the key can be opened without asking anybody. */
export function opensSilently(context: Context, key: OwnKey): boolean {
  const { passphrase, passphraseCommand } = context.environment;
  return key.stored.kind === 'plain' || passphrase !== undefined || passphraseCommand !== undefined;
}

/** Opens the key, with the passphrase from the environment, from `CCLINK_PASSPHRASE_COMMAND`, or asked for. */
export async function openIdentity(context: Context, key: OwnKey): Promise<Identity> {
  const { environment, output, questions } = context;
  const { keyFile, passphrase, passphraseCommand, variables } = environment;
  if (passphrase !== undefined) return unlock(keyFile, key.stored, { kind: 'value', value: passphrase });
  if (passphraseCommand !== undefined) {
    return unlock(keyFile, key.stored, { kind: 'command', command: passphraseCommand, env: variables });
  }
  if (environment.underClaudeCode && key.stored.kind === 'encrypted') throw passphraseUnderClaude(environment);
  return unlock(keyFile, key.stored, {
    kind: 'ask',
    ask: (attempt) => {
      if (attempt > 1) output.warn('that is not the passphrase; try again.');
      return questions.secret('Passphrase of your key');
    },
  });
}

function passphraseUnderClaude(environment: Environment): Failure {
  return new Failure(
    'refused',
    'Your key has a passphrase, and nobody can be asked for it inside Claude Code.',
    `Set CCLINK_PASSPHRASE_COMMAND before you start claude, or type this in a terminal of your own:\n  ${environment.line}`,
  );
}

/** The public key beside an encrypted one turned out to be that of another key; `unlock` has put the right one there by now. */
export function anotherKeyBeside(keyFile: string): Failure {
  return new Failure(
    'refused',
    `The public key beside ${keyFile} was that of another key, and was mended.`,
    'Run the command again.',
  );
}

/** The public key (32 bytes), for which an encrypted key without a public key beside it must be opened. */
export async function ownPublicKey(context: Context, key: OwnKey): Promise<Uint8Array> {
  return key.publicKey ?? (await openIdentity(context, key)).publicKey;
}

/** Says so where two packets contradict each other under the own key. Readers refuse both; the next that is published wins over both. */
export function warnOfConflict({ output }: Context, { conflict }: Resolution): void {
  if (conflict) {
    output.warn('two different packets with one number stand under your key: it was used on two machines at once.');
  }
}

/** When the key file was made, in Unix milliseconds. */
export function keyMadeAt(context: Context): number {
  return statSync(context.environment.keyFile).mtimeMs;
}
