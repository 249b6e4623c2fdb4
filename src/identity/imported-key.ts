import { Failure } from '../failure.ts';
import { secretBytes } from '../secret-bytes.ts';
import { holdsEnvelope, SEED_LENGTH } from './envelope-form.ts';
import { bareText } from './key-text.ts';
import { readPublicKey } from './public-key.ts';
import { parseRecoveryFile, type RecoveryFile } from './recovery-file.ts';
import { parseStoredKey, type StoredKey } from './stored-key.ts';

/** A secret key from elsewhere: as in a key file, or in a recovery file of Pubky, not opened yet. */
export type ImportedKey = StoredKey | { readonly kind: 'recovery file'; readonly file: RecoveryFile };

/** The lengths of a recovery phrase, in words. Pubky Ring makes 12. */
const PHRASE_LENGTHS = [12, 15, 18, 21, 24];

/**
 * Reads a secret key in any form that Pubky's programs write it in, besides those of a key file: a recovery
 * file, the words of a recovery phrase, and the links that Pubky Ring shows as QR codes.
 *
 * Throws `cannot-open` for anything else, without repeating it; the message begins with `name`.
 */
export async function parseImportedKey(bytes: Uint8Array, name: string): Promise<ImportedKey> {
  const file = parseRecoveryFile(bytes);
  if (file !== null) return { kind: 'recovery file', file };
  try {
    return parseStoredKey(bytes, name);
  } catch (error) {
    if (!(error instanceof Failure) || holdsEnvelope(bytes)) throw error;
    // From here on it is a string, which can't be overwritten: the word list and the URL parser need one.
    const bare = bareText(bytes);
    const text = Buffer.from(bare).toString('latin1');
    bare.fill(0);
    if (isPublicKey(text)) {
      throw new Failure('cannot-open', `${name} holds a public key, and a key pair is made from the secret one.`);
    }
    return (await fromPubkyRing(text, name)) ?? Promise.reject(error);
  }
}

/** The key in a link or a phrase of Pubky Ring; null if it is neither. */
async function fromPubkyRing(text: string, name: string): Promise<StoredKey | null> {
  if (!LINK.test(text)) return seedOfPhrase(text, name);
  const { searchParams, host } = new URL(text);
  const secret = Buffer.from(searchParams.get('secret') ?? '', 'base64url');
  if (host === 'secret_export' && secret.length === SEED_LENGTH) return { kind: 'plain', seed: secretBytes(secret) };
  const key = searchParams.get('key');
  if (host !== 'migrate' || key === null) return null;
  return (await seedOfPhrase(key, name)) ?? parseStoredKey(Buffer.from(key), name);
}

/** What the links of Pubky Ring that hold a secret key begin with. */
const LINK = /^pubky(ring|auth):\/\/(secret_export|migrate)\/?\?/;

/**
 * The key of a recovery phrase, as Pubky Ring derives it (`keypair.rs` of pubky-core-ffi): the first 32 bytes
 * of the BIP 39 seed, without a passphrase. Null for anything but a number of words that a phrase can have.
 */
async function seedOfPhrase(text: string, name: string): Promise<StoredKey | null> {
  const words = text.toLowerCase().split(/[-_+\s]+/);
  if (!PHRASE_LENGTHS.includes(words.length) || !words.every((word) => /^[a-z]+$/.test(word))) return null;
  const { wordlist } = await import('@scure/bip39/wordlists/english.js');
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown >= 0) {
    throw new Failure(
      'cannot-open',
      `${name} holds ${words.length} words; number ${unknown + 1} is in no recovery phrase.`,
    );
  }
  const { mnemonicToSeed, validateMnemonic } = await import('@scure/bip39');
  const phrase = words.join(' ');
  if (!validateMnemonic(phrase, wordlist)) {
    throw new Failure('cannot-open', `${name} holds ${words.length} words, of which one is wrong or in another place.`);
  }
  const seed = await mnemonicToSeed(phrase);
  const key: StoredKey = { kind: 'plain', seed: secretBytes(seed.subarray(0, SEED_LENGTH)) };
  seed.fill(0);
  return key;
}

function isPublicKey(text: string): boolean {
  try {
    readPublicKey(text);
    return true;
  } catch {
    return false;
  }
}
