import { createCipheriv, createDecipheriv, hkdfSync, scrypt as nodeScrypt, randomBytes } from 'node:crypto';
import { base64nopad, bech32 } from '@scure/base';
import type { Identity, Stanza } from 'age-encryption';
import { Failure } from '../failure.ts';
import { ByteReader } from '../files/byte-reader.ts';
import { secretBytes } from '../secret-bytes.ts';
import { outOfMemory } from '../system-failure.ts';
import { ageIdentity, ageRecipient, allOf, streamOf } from './age.ts';

/** Whom an age file is sealed for: a 32-byte X25519 public key, or whoever knows a passphrase (its UTF-8). */
export type AgeRecipient =
  | { readonly kind: 'x25519'; readonly publicKey: Uint8Array }
  | { readonly kind: 'passphrase'; readonly passphrase: Uint8Array };

/**
 * What may open an age file: 32-byte X25519 secrets, and a passphrase (its UTF-8). Each is asked for only if
 * the file has a stanza of its kind, and wiped after use.
 */
export interface AgeKeys {
  readonly secrets?: () => Promise<readonly Uint8Array[]>;
  readonly passphrase?: () => Promise<Uint8Array>;
}

/** Something that is no age file, or one that was changed or is not whole (yet). */
export class AgeFileDefect extends Failure {
  readonly isAgeFile: boolean;

  constructor(isAgeFile: boolean) {
    if (isAgeFile) {
      const hint = 'Get it again from where it came from; if it was changed on the way, do not trust it.';
      super('refused', 'This file is damaged, or not all of it is here.', hint);
    } else {
      super('refused', 'This file is not an age file.', 'Check that it is the right one.');
    }
    this.isAgeFile = isAgeFile;
  }
}

const VERSION_LINE = 'age-encryption.org/v1\n';
/** 100 recipients. Each costs a curve multiplication. */
const MAX_HEADER_BYTES = 16_384;
const NONCE_BYTES = 16;
const CHUNK_BYTES = 65_536;
const TAG_BYTES = 16;
const CIPHER = 'chacha20-poly1305';

/** log2 of scrypt's cost: 18 takes 256 MB and about a second, as `age` has it. */
const WORK_FACTOR = 18;
/** 1 GB and some seconds: a file must not make us spend more. */
const MAX_WORK_FACTOR = 20;

/**
 * Reads an age recipient as people paste it (`age1…`). Throws `usage` for other kinds (SSH keys, plugins,
 * post-quantum keys).
 */
export function parseAgeRecipient(text: string): AgeRecipient {
  const bare = text.trim();
  try {
    const { prefix, bytes } = bech32.decodeToBytes(bare);
    if (prefix === 'age' && bytes.length === 32) return { kind: 'x25519', publicKey: bytes };
  } catch {
    // Told below.
  }
  if (/^age-secret-key-/i.test(bare)) {
    throw new Failure(
      'usage',
      'That is not a recipient: it is a secret age key.',
      'Give it to nobody. `age-keygen -y` prints the recipient that belongs to it.',
    );
  }
  throw new Failure('usage', 'That is not an age recipient of the kind `age1…` (62 characters).', 'Copy it again.');
}

/** Seals a stream: an age v1 file (c2sp.org/age), not armored. Memory does not grow with its length. */
export async function* sealStream(
  recipient: AgeRecipient,
  plain: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, void> {
  const { header, fileKey } = await newHeader(recipient);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = new ChunkCipher(fileKey, nonce);
  yield Buffer.concat([header, nonce]);

  const reader = new ByteReader(plain);
  try {
    for (let isLast = false; !isLast; ) {
      const chunk = await reader.take(CHUNK_BYTES);
      isLast = chunk.length < CHUNK_BYTES || (await reader.atEnd());
      yield cipher.seal(chunk, isLast);
    }
  } finally {
    await reader.close();
    cipher.wipe();
  }
}

/**
 * Opens an age v1 file. What it yields is authentic; that it is all there is is only known when it ends
 * without an error.
 *
 * Throws `cannot-open` if none of the keys opens it, and an `AgeFileDefect` if it is damaged or no age file.
 */
export async function* openStream(
  source: AsyncIterable<Uint8Array>,
  keys: AgeKeys,
): AsyncGenerator<Buffer, void, void> {
  const reader = new ByteReader(source);
  let cipher: ChunkCipher | null = null;
  try {
    const fileKey = await openHeader(await readHeader(reader), keys);
    const nonce = await reader.take(NONCE_BYTES);
    if (nonce.length < NONCE_BYTES) throw new AgeFileDefect(true);
    cipher = new ChunkCipher(fileKey, nonce);

    for (let isFirst = true, isLast = false; !isLast; isFirst = false) {
      const sealed = await reader.take(CHUNK_BYTES + TAG_BYTES);
      isLast = sealed.length < CHUNK_BYTES + TAG_BYTES || (await reader.atEnd());
      const chunk = cipher.open(sealed, isLast);
      // Only an empty file ends with an empty chunk: else one could be added.
      if (chunk === null || (chunk.length === 0 && !isFirst)) throw new AgeFileDefect(true);
      if (chunk.length > 0) yield chunk;
    }
  } finally {
    cipher?.wipe();
    await reader.close();
  }
}

/** The payload's chunks of 64 KiB, sealed or opened in order ("STREAM", c2sp.org/age, "Payload"). */
class ChunkCipher {
  readonly #key: Buffer;
  /** 11 bytes that count the chunks, big-endian, and one that says whether it is the last. */
  readonly #nonce = Buffer.alloc(12);
  #count = 0;

  /** Wipes the file key. */
  constructor(fileKey: Uint8Array, nonce: Uint8Array) {
    this.#key = Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
    fileKey.fill(0);
  }

  seal(chunk: Uint8Array, isLast: boolean): Buffer {
    return sealChunk(this.#key, this.#nextNonce(isLast), chunk);
  }

  /** Null if it was changed, is out of place, or is not the last one although it should be. */
  open(sealed: Uint8Array, isLast: boolean): Buffer | null {
    return openChunk(this.#key, this.#nextNonce(isLast), sealed);
  }

  wipe(): void {
    this.#key.fill(0);
  }

  #nextNonce(isLast: boolean): Buffer {
    // 48 bits count to 2^48 chunks: more than any disk holds.
    this.#nonce.writeUIntBE(this.#count++, 5, 6);
    this.#nonce[11] = isLast ? 1 : 0;
    return this.#nonce;
  }
}

/** The header of a new file, and the 16-byte key that its payload's key is derived from. */
async function newHeader(recipient: AgeRecipient): Promise<{ header: Buffer; fileKey: Uint8Array }> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  let fileKey = new Uint8Array();
  encrypter.addRecipient({
    wrapFileKey: async (key) => {
      fileKey = secretBytes(key);
      return recipient.kind === 'passphrase' ? [await passphraseStanza(recipient.passphrase, key)] : [];
    },
  });
  if (recipient.kind === 'x25519') encrypter.addRecipient(ageRecipient(recipient.publicKey));
  // An empty file is its header, a nonce, and the tag of an empty chunk.
  const empty = await allOf(await encrypter.encrypt(streamOf(new Uint8Array())));
  return { header: Buffer.from(empty.subarray(0, empty.length - NONCE_BYTES - TAG_BYTES)), fileKey };
}

/** Reads up to the end of the header, which is text. */
async function readHeader(reader: ByteReader): Promise<Buffer> {
  const header = Buffer.alloc(MAX_HEADER_BYTES);
  let length = 0;
  for (;;) {
    const part = await reader.some(MAX_HEADER_BYTES - length);
    part.copy(header, length);
    const before = length;
    length += part.length;
    const start = header.toString('latin1', 0, Math.min(length, VERSION_LINE.length));
    if (!VERSION_LINE.startsWith(start)) throw new AgeFileDefect(false);
    // The line of the MAC is the last one. 64 bytes back, for it may have been cut anywhere.
    const macLine = /\n---[^\n]*\n/.exec(header.toString('latin1', Math.max(0, before - 64), length));
    if (macLine !== null) {
      const end = Math.max(0, before - 64) + macLine.index + macLine[0].length;
      reader.putBack(header.subarray(end, length));
      return header.subarray(0, end);
    }
    if (part.length === 0) throw new AgeFileDefect(length >= VERSION_LINE.length);
  }
}

/** The 16-byte file key that a header holds. */
async function openHeader(header: Uint8Array, keys: AgeKeys): Promise<Uint8Array> {
  const { Decrypter } = await import('age-encryption');
  const kinds = await stanzaKinds(header);
  const decrypter = new Decrypter();
  if (kinds.has('X25519')) {
    for (const secret of (await keys.secrets?.()) ?? []) {
      decrypter.addIdentity(ageIdentity(secret));
      secret.fill(0);
    }
  }
  const passphrase = kinds.has('scrypt') ? await keys.passphrase?.() : undefined;
  if (passphrase !== undefined) decrypter.addIdentity(passphraseIdentity(passphrase));
  // Identities are tried in turn: this one is reached only if no other opened it.
  let isForAnother = false;
  decrypter.addIdentity({
    unwrapFileKey: () => {
      isForAnother = true;
      return null;
    },
  });
  try {
    return await decrypter.decryptHeader(header);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (!isForAnother) throw new AgeFileDefect(true);
    throw passphrase === undefined ? sealedForAnother(kinds) : wrongPassphrase();
  } finally {
    passphrase?.fill(0);
  }
}

/** The kinds of the header's stanzas (`X25519`, `scrypt`). */
async function stanzaKinds(header: Uint8Array): Promise<Set<string>> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  const found: Stanza[][] = [];
  decrypter.addIdentity({
    unwrapFileKey: (stanzas: Stanza[]) => {
      found.push(stanzas);
      return null;
    },
  });
  await decrypter.decryptHeader(header).catch(() => {});
  const [stanzas] = found;
  if (stanzas === undefined) throw new AgeFileDefect(true);
  return new Set(stanzas.map(({ args }) => args[0] ?? ''));
}

async function passphraseStanza(passphrase: Uint8Array, fileKey: Uint8Array): Promise<Stanza> {
  const { Stanza } = await import('age-encryption');
  const salt = randomBytes(16);
  const key = await scrypt(passphrase, salt, WORK_FACTOR);
  return new Stanza(['scrypt', base64nopad.encode(salt), `${WORK_FACTOR}`], sealChunk(key, Buffer.alloc(12), fileKey));
}

/** What opens a passphrase stanza off the main thread; the library's own blocks it for seconds. */
function passphraseIdentity(passphrase: Uint8Array): Identity {
  return {
    unwrapFileKey: async (stanzas) => {
      const [stanza] = stanzas;
      // A passphrase beside other recipients proves nothing about who sealed the file (c2sp.org/age).
      if (stanzas.length !== 1 || stanza?.args[0] !== 'scrypt') throw new AgeFileDefect(true);
      const [, salt = '', workFactor = ''] = stanza.args;
      const saltBytes = base64nopad.decode(salt);
      const isWellFormed = stanza.args.length === 3 && saltBytes.length === 16 && stanza.body.length === 32;
      if (!isWellFormed || !/^[1-9][0-9]*$/.test(workFactor)) throw new AgeFileDefect(true);
      if (Number(workFactor) > MAX_WORK_FACTOR) {
        throw new Failure(
          'refused',
          'This file asks for more work to check its passphrase than cclink does (scrypt above 2^20).',
          'If you trust it, open it with `age -d`.',
        );
      }
      const key = await scrypt(passphrase, saltBytes, Number(workFactor));
      return openChunk(key, Buffer.alloc(12), stanza.body);
    },
  };
}

/** The 32-byte key of a passphrase stanza (c2sp.org/age, "scrypt"), derived on another thread. */
function scrypt(passphrase: Uint8Array, salt: Uint8Array, workFactor: number): Promise<Buffer> {
  const N = 2 ** workFactor;
  const r = 8;
  const labelAndSalt = Buffer.concat([Buffer.from('age-encryption.org/v1/scrypt'), salt]);
  return new Promise((resolve, reject) => {
    nodeScrypt(passphrase, labelAndSalt, 32, { N, r, p: 1, maxmem: 129 * N * r + 65_536 }, (error, key) =>
      // The parameters are within limits, so that only memory can be missing.
      error === null ? resolve(key) : reject(outOfMemory(error)),
    );
  });
}

function sealChunk(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  const sealed = cipher.update(plain);
  cipher.final();
  return Buffer.concat([sealed, cipher.getAuthTag()]);
}

/** Null if the key is not the right one, or anything was changed. */
function openChunk(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Buffer | null {
  const length = sealed.length - TAG_BYTES;
  if (length < 0) return null;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(length));
  const plain = decipher.update(sealed.subarray(0, length));
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

function sealedForAnother(kinds: ReadonlySet<string>): Failure {
  if (kinds.has('scrypt')) {
    return new Failure(
      'cannot-open',
      'This file is sealed with a PIN or passphrase.',
      'Import it as a file, which asks for it: cclink import <file>.',
    );
  }
  return new Failure(
    'cannot-open',
    'This file is sealed for another key.',
    'Open it with the key that it was made for, or have it made for yours (`cclink whoami`).',
  );
}

function wrongPassphrase(): Failure {
  return new Failure('cannot-open', 'The PIN or passphrase is wrong.', 'Check it with whoever made the file.');
}
