import { bech32 } from '@scure/base';
import { Failure } from '../failure.ts';
import { secretBytes } from '../secret-bytes.ts';

/** Bytes that `sealTo` adds to any plaintext of up to 64 KiB: 168 of header, 16 of nonce, 16 of tag. */
export const SEALED_OVERHEAD = 200;

/**
 * The largest ciphertext that is opened, in bytes; ours have hundreds. Each stanza in one costs a curve
 * multiplication.
 */
const MAX_SEALED = 16_384;

/** The age recipient (`age1...`) of a 32-byte X25519 public key. */
export function ageRecipient(publicKey: Uint8Array): string {
  return bech32.encodeFromBytes('age', publicKey);
}

/** The age identity (`AGE-SECRET-KEY-1...`) of a 32-byte X25519 secret. It is as secret as those bytes. */
export function ageIdentity(secret: Uint8Array): string {
  return bech32.encodeFromBytes('age-secret-key-', secret).toUpperCase();
}

/** Seals `plaintext` for one 32-byte X25519 public key: an age v1 file (c2sp.org/age), not armored. */
export async function sealTo(publicKey: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.addRecipient(ageRecipient(publicKey));
  return allOf(await encrypter.encrypt(streamOf(plaintext)));
}

/**
 * Opens an age v1 file with a 32-byte X25519 secret. Null if it is sealed for another key. Skips stanzas of
 * other kinds.
 *
 * Throws `cannot-open` if it is sealed for this key but damaged, or is not an age file of at most 16 KiB.
 */
export async function openWith(secret: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array | null> {
  if (ciphertext.length > MAX_SEALED) throw damaged();
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addIdentity(ageIdentity(secret));
  // Identities are tried in turn: this one is reached only if the key opened no stanza.
  let forAnotherKey = false;
  decrypter.addIdentity({
    unwrapFileKey: () => {
      forAnotherKey = true;
      return null;
    },
  });
  try {
    return await allOf(await decrypter.decrypt(streamOf(ciphertext)));
  } catch {
    if (forAnotherKey) return null;
    throw damaged();
  }
}

function damaged(): Failure {
  return new Failure(
    'cannot-open',
    'The encrypted content is damaged.',
    'Get it again from where it came from; if it was changed on the way, do not trust it.',
  );
}

/**
 * What to give to the age library: given an array, it collects its output with `new Response(stream)`, for
 * which Node loads its HTTP client (25 ms). Given a stream, it does not.
 */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** What a stream of the age library gives, whole. */
export async function allOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return secretBytes(Buffer.concat(chunks));
}
