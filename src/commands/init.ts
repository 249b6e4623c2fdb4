import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { publicKeyOf } from '../crypto/ed25519.ts';
import { Failure } from '../failure.ts';
import { sealSeed } from '../identity/envelope.ts';
import { writeKeyFile } from '../identity/key-file.ts';
import { passphraseBytes, passphraseFromCommand } from '../identity/passphrase.ts';
import { weaknessOf } from '../identity/secret-strength.ts';
import { MAX_STORED_KEY_LENGTH, parseStoredKey, type StoredKey } from '../identity/stored-key.ts';
import { printable } from '../terminal/printable.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';
import { newSecret } from './secrets.ts';
import { describeKey, keyView } from './whoami.ts';

interface InitOptions {
  /** A file, or `-` for standard input. */
  readonly import?: string;
  /** False with `--no-passphrase`. */
  readonly passphrase: boolean;
}

export const command: Declaration<InitOptions> = {
  summary: 'make your key pair, or import it',
  options: [
    { flags: '--import <file>', description: 'take the key from a file, or from standard input with -' },
    { flags: '--no-passphrase', description: 'keep the key unencrypted' },
  ],
  yes: true,
  json: true,
  run: ({ context, options }) => init(context, options),
};

/** `cclink init`: makes a key pair, or imports one from another machine. */
async function init(context: Context, options: InitOptions): Promise<void> {
  const { environment, output, questions, yes } = context;
  const { keyFile } = environment;
  const imported = options.import === undefined ? null : await readImport(options.import);
  const replace = await confirmReplacing(context);
  if (imported === null && !replace && questions.possible && !yes && !output.json) {
    if (await questions.confirm('Is there a key of yours on another machine already?')) return showHowToBring(context);
  }
  const { key, publicKey } = await keyToStore(context, imported, options.passphrase);
  const backup = writeKeyFile(keyFile, key, { publicKey, replace, nowMs: Date.now() });
  if (key.kind === 'plain') key.seed.fill(0);
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
  if (imported === null) output.say(nextStep(keyFile));
  else output.say('Next: cclink pickup picks up what was published with this key.');
}

function nextStep(keyFile: string): string {
  return [
    'Next, on your other machine, bring this key over:',
    `  ssh this-machine cat ${keyFile.endsWith('/.pubky/secret_key') ? '.pubky/secret_key' : printable(keyFile)} | cclink init --import -`,
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
  if (await questions.confirm(question)) return true;
  throw new Failure('key-exists', `The key at ${environment.keyFile} was left as it is.`, 'See it with: cclink whoami');
}

const IMPORT_HINT =
  'A key is 64 hex characters, or the encrypted file that cclink init writes: ~/.pubky/secret_key on the other machine.';

/** The key to import, from a file or standard input. Throws `usage` if that can't be read or is not a key. */
async function readImport(source: string): Promise<StoredKey> {
  const name = source === '-' ? 'Standard input' : source;
  if (source !== '-' && isNoRegularFile(source)) {
    throw new Failure(
      'usage',
      `${name} is not a regular file.`,
      'A pipe is read as standard input: ssh other-machine cat .pubky/secret_key | cclink init --import -',
    );
  }
  const bytes = Buffer.alloc(MAX_STORED_KEY_LENGTH + 1);
  let length = 0;
  try {
    for await (const chunk of source === '-' ? process.stdin : createReadStream(source)) {
      length += (chunk as Buffer).copy(bytes, length);
      (chunk as Buffer).fill(0);
      if (length === bytes.length) break;
    }
    return parseStoredKey(bytes.subarray(0, length), name);
  } catch (error) {
    const message = error instanceof Failure ? error.message : `${name} cannot be read.`;
    throw new Failure('usage', message, IMPORT_HINT, { cause: error });
  } finally {
    bytes.fill(0);
  }
}

/** True for a folder, a pipe or a device. If that can't be told, opening the file will say why. */
function isNoRegularFile(path: string): boolean {
  try {
    return !statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The key in the form to store, and its public key if that is known. */
async function keyToStore(
  context: Context,
  imported: StoredKey | null,
  withPassphrase: boolean,
): Promise<{ key: StoredKey; publicKey: Uint8Array | null }> {
  if (imported?.kind === 'encrypted') return { key: imported, publicKey: null };
  const seed = imported?.seed ?? Uint8Array.from(randomBytes(32));
  const publicKey = publicKeyOf(seed);
  if (!withPassphrase) return { key: { kind: 'plain', seed }, publicKey };
  const passphrase = await newPassphrase(context);
  try {
    const envelope = await context.output.progress('Encrypting the key …', sealSeed(seed, passphrase));
    return { key: { kind: 'encrypted', envelope }, publicKey };
  } finally {
    passphrase.fill(0);
    seed.fill(0);
  }
}

/**
 * A new passphrase (UTF-8 bytes): from the environment, from `CCLINK_PASSPHRASE_COMMAND`, or asked for twice.
 */
async function newPassphrase(context: Context): Promise<Uint8Array> {
  const { passphrase, passphraseCommand, variables } = context.environment;
  if (passphrase !== undefined || passphraseCommand !== undefined) {
    const given =
      passphrase === undefined
        ? await passphraseFromCommand(passphraseCommand ?? '', variables)
        : passphraseBytes(passphrase);
    const weakness = weaknessOf(given);
    if (weakness !== null) throw new Failure('usage', `The passphrase is too weak: ${weakness}.`, PASSPHRASE_HINT);
    return given;
  }
  return newSecret(context, {
    question: 'Passphrase for the key (at least 8 characters)',
    again: 'The same again',
    weakness: (typed) => {
      const weakness = weaknessOf(typed);
      return weakness && `that passphrase is too weak: ${weakness}. ${PASSPHRASE_HINT}`;
    },
  });
}

const PASSPHRASE_HINT = 'Take a longer one; a few random words are good.';

/** Shows how to bring a key here from another machine. */
function showHowToBring(context: Context): void {
  const { environment, output } = context;
  const here = `${userName()}${hostname()}`;
  output.result(
    null,
    [
      'Bring it over; if it is encrypted there, it stays encrypted on the way. From this machine:',
      '  ssh other-machine cat .pubky/secret_key | cclink init --import -',
      'or from the other machine:',
      `  ssh ${here} cclink init --import - < ~/.pubky/secret_key`,
      `It is then at ${printable(environment.keyFile)}.`,
    ].join('\n'),
  );
}

/** `ada@`, or nothing if the system does not know the user's name, as in a container. */
function userName(): string {
  try {
    return `${userInfo().username}@`;
  } catch {
    return '';
  }
}
