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

/** Reads an age recipient as people paste it (`age1…`). Throws `usage` for any other kind. */
export function parseAgeRecipient(_text: string): AgeRecipient {
  throw new Error('not yet');
}

/** Seals a stream: an age v1 file (c2sp.org/age), not armored. Memory does not grow with its length. */
export function sealStream(_recipient: AgeRecipient, _plain: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> {
  throw new Error('not yet');
}

/**
 * Opens an age v1 file. What it yields is authentic, but only when it ends without an error was that all of it.
 *
 * Throws `cannot-open` if none of the keys opens it, and `AgeFileDefect` if it is damaged or no age file.
 */
export function openStream(_source: AsyncIterable<Uint8Array>, _keys: AgeKeys): AsyncIterable<Buffer> {
  throw new Error('not yet');
}
