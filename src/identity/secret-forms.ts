import { isUtf8 } from 'node:buffer';

/**
 * How else a passphrase or PIN (UTF-8 bytes) may have been typed when it was made: an `é` is one code point
 * or two, as keyboards, editors and systems please, and looks the same. None for ASCII. The caller wipes
 * them.
 */
export function otherForms(secret: Uint8Array): Uint8Array[] {
  if (secret.every((byte) => byte < 0x80) || !isUtf8(secret)) return [];
  const text = Buffer.from(secret).toString();
  return ['NFC', 'NFD'].map((form) => Buffer.from(text.normalize(form))).filter((form) => !form.equals(secret));
}
