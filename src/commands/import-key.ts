import { createReadStream, statSync } from 'node:fs';
import { Failure } from '../failure.ts';
import { fileFailure } from '../files/file-failure.ts';
import { holdsEnvelope } from '../identity/envelope-form.ts';
import { type ImportedKey, parseImportedKey } from '../identity/imported-key.ts';
import { looksLikeRecoveryFile, openRecoveryFile, type RecoveryFile } from '../identity/recovery-file.ts';
import { holdsHexKey, MAX_STORED_KEY_LENGTH } from '../identity/stored-key.ts';
import { tryPassphrases } from '../identity/unlock.ts';
import { secretBytes } from '../secret-bytes.ts';
import type { Context } from './context.ts';
import { passphraseSource } from './secrets.ts';

const WHAT_A_KEY_IS =
  'A key is 64 hex characters, the encrypted file that cclink init writes (~/.pubky/secret_key on the other machine), or a recovery file or phrase of Pubky.';
const THROUGH_A_PIPE = `Most likely the pipe has done that. Bring it over byte for byte: without -t, and on Windows in cmd, not in PowerShell:
  ssh -T other-machine cat .pubky/secret_key | cclink init --import -
or as a file (scp other-machine:.pubky/secret_key key), with: cclink init --import key`;
const NOTHING_CAME = 'Run the command before the pipe by itself to see why it prints nothing.';
const AS_A_FILE =
  'Copy it again byte for byte, not as text: scp other-machine:.pubky/secret_key key, then cclink init --import key';

/**
 * The key to import, from a file or, for `-`, from standard input. Where that is the terminal, it is asked
 * for, and not shown. Throws `usage` if it can't be read or is not a key.
 */
export async function readImport(context: Context, source: string): Promise<ImportedKey> {
  const name = source === '-' ? 'Standard input' : source;
  const bytes = await readSource(context, source, name);
  try {
    return await parseImportedKey(bytes, name);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure('usage', `${error.message} Nothing was imported.`, hintFor(error, bytes, source === '-'), {
      cause: error,
    });
  } finally {
    bytes.fill(0);
  }
}

/** What to do about bytes that are no key. */
function hintFor({ hint }: Failure, bytes: Uint8Array, isPiped: boolean): string {
  if (looksLikeRecoveryFile(bytes) && hint !== undefined) return hint;
  if (holdsEnvelope(bytes) || holdsHexKey(bytes)) return isPiped ? THROUGH_A_PIPE : AS_A_FILE;
  return bytes.length === 0 && isPiped ? NOTHING_CAME : WHAT_A_KEY_IS;
}

/**
 * Opens a recovery file: the 32-byte seed, and the passphrase (UTF-8 bytes) that was right. Throws
 * `cannot-open`.
 */
export async function openRecovery(
  context: Context,
  file: RecoveryFile,
): Promise<{ seed: Uint8Array; passphrase: Uint8Array }> {
  const opened = await tryPassphrases(passphraseSource(context, 'Passphrase of the recovery file'), async (typed) => {
    const seed = await context.output.progress('Opening the recovery file …', openRecoveryFile(file, typed));
    return seed === null ? null : { seed, passphrase: secretBytes(typed) };
  });
  if (opened !== null) return opened;
  throw new Failure(
    'cannot-open',
    'The passphrase does not open the recovery file. Nothing was imported.',
    'It is the one that was typed in the app when the file was made.',
  );
}

async function readSource({ questions }: Context, source: string, name: string): Promise<Uint8Array> {
  if (source === '-' && process.stdin.isTTY && questions.possible) {
    return questions.secret('Secret key, in hex or as the words of a recovery phrase', null);
  }
  const bytes = Buffer.alloc(MAX_STORED_KEY_LENGTH + 1);
  let length = 0;
  try {
    if (source !== '-' && !statSync(source).isFile()) {
      throw new Failure(
        'usage',
        `${name} is not a regular file.`,
        'A pipe is read as standard input: ssh other-machine cat .pubky/secret_key | cclink init --import -',
      );
    }
    for await (const chunk of source === '-' ? process.stdin : createReadStream(source)) {
      length += (chunk as Buffer).copy(bytes, length);
      (chunk as Buffer).fill(0);
      if (length === bytes.length) break;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    bytes.fill(0);
    const failure = fileFailure('read', name, error);
    if (!(failure instanceof Failure)) throw failure;
    throw new Failure('usage', failure.message, failure.hint, { cause: error });
  }
}
