import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { publicKeyOf } from '../crypto/ed25519.ts';
import type { Environment } from '../environment.ts';
import { Failure } from '../failure.ts';
import { sealSeed } from '../identity/envelope.ts';
import type { ImportedKey } from '../identity/imported-key.ts';
import { readKeyFile, whileKeyIsLocked, writeKeyFile } from '../identity/key-file.ts';
import type { RecoveryFile } from '../identity/recovery-file.ts';
import { weaknessOf } from '../identity/secret-strength.ts';
import type { StoredKey } from '../identity/stored-key.ts';
import { secretBytes } from '../secret-bytes.ts';
import { printable } from '../terminal/printable.ts';
import { lineToFetchKey, lineToSendKey } from './bring-key.ts';
import { changePassphrase } from './change-passphrase.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';
import { openRecovery, readImport } from './import-key.ts';
import { passphraseOfNewKey, replacingPassphrase } from './secrets.ts';
import { describeKey, keyView } from './whoami.ts';

interface InitOptions {
  /** A file, or `-` for standard input. */
  readonly import?: string;
  /** False with `--no-passphrase`. */
  readonly passphrase: boolean;
  readonly changePassphrase?: boolean;
}

export const command: Declaration<InitOptions> = {
  summary: 'make your key pair, or import it',
  options: [
    { flags: '--import <file>', description: 'take the key from a file, or from standard input with -' },
    { flags: '--no-passphrase', description: 'keep the key unencrypted' },
    {
      flags: '--change-passphrase',
      description: 'put the key that is here under another passphrase',
      conflicts: ['import'],
    },
  ],
  yes: true,
  json: true,
  help: `--import takes the key of another machine, or of a Pubky app: 64 hex characters,
the encrypted file of cclink, a recovery file, or the words of a recovery phrase.

--change-passphrase asks for the old passphrase, then for the new one; without a
terminal they come from CCLINK_PASSPHRASE and CCLINK_NEW_PASSPHRASE.
With --no-passphrase the key is left unencrypted.`,
  run: ({ context, options }) =>
    options.changePassphrase ? changePassphrase(context, options.passphrase) : init(context, options),
};

/** `cclink init`: makes a key pair, or imports one from another machine. */
async function init(context: Context, options: InitOptions): Promise<void> {
  const { environment, output, questions, yes } = context;
  const { keyFile } = environment;
  const imported = options.import === undefined ? null : await readImport(context, options.import);
  const replace = await confirmReplacing(context);
  if (imported === null && !replace && questions.possible && !yes && !output.json) {
    if (await questions.confirm('Is there a key of yours on another machine already?', null))
      return showHowToBring(context);
  }
  const { key, publicKey } = await keyToStore(context, imported, options.passphrase);
  const backup = await whileKeyIsLocked(keyFile, () => {
    const kept = writeKeyFile(keyFile, key, { publicKey, replace, nowMs: Date.now() });
    wipeStored(readKeyFile(keyFile)); // what can't be read again is not reported as there
    return kept;
  });
  wipeStored(key);
  if (backup !== null) output.say(`The key that was there is kept as ${printable(backup)}.`);
  if (publicKey === null) {
    // An envelope that was imported unopened: opening it will tell its public key.
    output.result(
      { publicKey: null, fingerprint: null, ageRecipient: null, keyFile, encrypted: true },
      `Imported the encrypted key to ${printable(keyFile)}; its passphrase stays what it was. See its public key with: cclink whoami`,
    );
    return;
  }
  const view = await keyView(publicKey, { keyFile, encrypted: key.kind === 'encrypted' });
  output.result(view, output.quiet ? view.publicKey : describeKey(view, output.resultStyle));
  if (key.kind === 'plain')
    output.say(`The key is not encrypted: anybody who can read ${printable(keyFile)} can act as you.`);
  if (imported === null) output.say(nextStep(environment));
  else output.say('Next, to pick up what was published with this key: cclink pickup');
}

function wipeStored(key: StoredKey): void {
  if (key.kind === 'plain') key.seed.fill(0);
}

function nextStep(environment: Environment): string {
  return [
    'Next, on your other machine, bring this key over:',
    `  ${printable(lineToFetchKey(environment))}`,
    'Then type cclink in a project folder here, and cclink pickup there.',
  ].join('\n');
}

/**
 * True if there is a key and it may be replaced, false if there is none. Throws `key-exists` if the user says
 * no.
 */
async function confirmReplacing(context: Context): Promise<boolean> {
  const { environment, questions, yes } = context;
  if (!existsSync(environment.keyFile)) return false;
  if (yes) return true;
  const question = `There is a key at ${environment.keyFile} already. Replace it? (The old one is kept beside it.)`;
  if (await questions.confirm(question, 'Answer it with -y')) return true;
  throw new Failure('key-exists', `The key at ${environment.keyFile} was left as it is.`, 'See it with: cclink whoami');
}

/** The key in the form to store, and its public key if that is known. */
async function keyToStore(
  context: Context,
  imported: ImportedKey | null,
  withPassphrase: boolean,
): Promise<{ key: StoredKey; publicKey: Uint8Array | null }> {
  if (imported?.kind === 'encrypted') return { key: imported, publicKey: null };
  if (imported?.kind === 'recovery file') return recoveredKey(context, imported.file, withPassphrase);
  const seed = imported?.seed ?? secretBytes(randomBytes(32));
  return withPassphrase ? sealed(context, seed, await passphraseOfNewKey(context)) : plain(seed);
}

/** The key of a recovery file, under the passphrase of that file if it is good enough for a key. */
async function recoveredKey(
  context: Context,
  file: RecoveryFile,
  withPassphrase: boolean,
): Promise<{ key: StoredKey; publicKey: Uint8Array }> {
  const { seed, passphrase } = await openRecovery(context, file);
  if (!withPassphrase || weaknessOf(passphrase) !== null) {
    passphrase.fill(0);
    return withPassphrase ? sealed(context, seed, await replacingPassphrase(context)) : plain(seed);
  }
  context.output.say('The key keeps the passphrase of the recovery file.');
  return sealed(context, seed, passphrase);
}

const plain = (seed: Uint8Array): { key: StoredKey; publicKey: Uint8Array } => ({
  key: { kind: 'plain', seed },
  publicKey: publicKeyOf(seed),
});

/** Seals a seed with a passphrase, and overwrites both. */
async function sealed(
  { output }: Context,
  seed: Uint8Array,
  passphrase: Uint8Array,
): Promise<{ key: StoredKey; publicKey: Uint8Array }> {
  try {
    const publicKey = publicKeyOf(seed);
    return {
      key: { kind: 'encrypted', envelope: await output.progress('Encrypting the key …', sealSeed(seed, passphrase)) },
      publicKey,
    };
  } finally {
    passphrase.fill(0);
    seed.fill(0);
  }
}

/** Shows how to bring a key here from another machine. */
function showHowToBring({ environment, output }: Context): void {
  output.result(
    null,
    [
      'Bring it over; if it is encrypted there, it stays encrypted on the way. From this machine:',
      '  ssh other-machine cat .pubky/secret_key | cclink init --import -',
      'or from the other machine:',
      `  ${printable(lineToSendKey(environment))}`,
      `It is then at ${printable(environment.keyFile)}.`,
    ].join('\n'),
  );
}
