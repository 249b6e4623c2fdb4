import { Failure } from '../failure.ts';
import { secretBytes } from '../secret-bytes.ts';
import { type Envelope, encodeEnvelope, MAX_ENVELOPE_LENGTH, parseEnvelope } from './envelope.ts';
import { damageOf, holdsEnvelope, looksLikeEnvelope, withoutTextMarks } from './envelope-form.ts';
import { bareText } from './key-text.ts';
import { looksLikeRecoveryFile } from './recovery-file.ts';

/** What a key file holds: a 32-byte seed, plain or sealed with a passphrase. */
export type StoredKey =
  | { readonly kind: 'plain'; readonly seed: Uint8Array }
  | { readonly kind: 'encrypted'; readonly envelope: Envelope };

/** The size of the largest key file, in bytes. */
export const MAX_STORED_KEY_LENGTH = MAX_ENVELOPE_LENGTH;

const HEX_DIGITS = Buffer.from('0123456789abcdef');
const HEX_LENGTH = 64;

/**
 * Reads the content of a key file: 64 hex characters, or a CCLINKEK envelope. As in PKARR's own tools there
 * may be white space around the hex; what else people and PowerShell put there (quotes, `0x`, a byte order
 * mark, UTF-16) changes nothing either.
 *
 * Throws `cannot-open` for anything else. The message says what is wrong without repeating the content; it
 * begins with `name`.
 */
export function parseStoredKey(bytes: Uint8Array, name = 'The key file'): StoredKey {
  const notAKey = (what: string) =>
    new Failure('cannot-open', `${name} ${what}.`, 'Put a backup in its place, or make a new key with `cclink init`.');
  if (bytes.length === 0) throw notAKey('is empty');
  const envelope = withoutTextMarks(bytes);
  if (looksLikeEnvelope(envelope)) return { kind: 'encrypted', envelope: parseEnvelope(envelope) };
  if (holdsEnvelope(bytes)) throw notAKey(`holds an encrypted key that is damaged: ${damageOf(bytes)}`);
  const text = bareText(bytes);
  try {
    const seed = parseHex(text);
    if (seed !== null) return { kind: 'plain', seed };
    const isHexOnly = text.length > 0 && text.every((character) => digitOf(character) >= 0);
    if (isHexOnly) throw notAKey(text.length < HEX_LENGTH ? 'is cut off' : 'has more than 64 characters');
    if (holdsHexKey(bytes)) throw notAKey('has other text around a key, such as what a shell prints when it starts');
    if (looksLikeRecoveryFile(bytes)) {
      throw new Failure(
        'cannot-open',
        `${name} is a recovery file of Pubky.`,
        'Take the key out of it: cclink init --import <that file>',
      );
    }
    throw notAKey('holds neither 64 hex characters nor an encrypted key');
  } finally {
    text.fill(0);
  }
}

/** True if 64 hex characters or more stand anywhere in these bytes. */
export function holdsHexKey(bytes: Uint8Array): boolean {
  return /[0-9a-f]{64}/i.test(Buffer.from(bytes).toString('latin1'));
}

/**
 * The content of a key file as Rust cclink writes it, without a newline. The caller wipes that of a plain
 * key.
 */
export function encodeStoredKey(key: StoredKey): Uint8Array {
  if (key.kind === 'encrypted') return encodeEnvelope(key.envelope);
  const text = secretBytes(new Uint8Array(HEX_LENGTH));
  key.seed.forEach((byte, i) => {
    text.set([HEX_DIGITS[byte >> 4] ?? 0, HEX_DIGITS[byte & 15] ?? 0], 2 * i);
  });
  return text;
}

/**
 * The 32 bytes of 64 hex characters in either case. Never a string on the way, since strings can't be
 * overwritten.
 */
function parseHex(text: Uint8Array): Uint8Array | null {
  if (text.length !== HEX_LENGTH) return null;
  const seed = secretBytes(new Uint8Array(HEX_LENGTH / 2));
  for (const [i, character] of text.entries()) {
    const digit = digitOf(character);
    if (digit < 0) {
      seed.fill(0);
      return null;
    }
    seed[i >> 1] = ((seed[i >> 1] ?? 0) << 4) | digit;
  }
  return seed;
}

/** What a hex digit in ASCII stands for; -1 for any other byte. */
const digitOf = (character: number) =>
  HEX_DIGITS.indexOf(character >= 0x41 && character <= 0x46 ? character + 0x20 : character);
