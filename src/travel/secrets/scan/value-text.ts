import { Buffer, isUtf8 } from 'node:buffer';

/** Half of a pair, at which a byte stands that is no UTF-8: no text has one alone. */
const HALF = 0xdc00;
const LONGEST_CHARACTER = 4;

/**
 * Bytes as a text that `bytesOf` gives back: a backup may be of a file in another coding, and the password in
 * it must be found again as it stands there.
 */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    let end = at + 1;
    while (end < at + LONGEST_CHARACTER && end < bytes.length && !isUtf8(bytes.subarray(at, end))) end += 1;
    const character = bytes.subarray(at, end);
    const isOne = isUtf8(character);
    text += isOne ? character.toString() : String.fromCharCode(HALF + (bytes[at] as number));
    at += isOne ? character.length : 1;
  }
  return text;
}

/** The UTF-8 of a text, or the bytes of which `textOf` made it. */
export function bytesOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const bytes = Array.from(text, (character) => {
    const code = character.codePointAt(0) as number;
    return code >= HALF + 0x80 && code <= HALF + 0xff ? Buffer.of(code - HALF) : Buffer.from(character);
  });
  return Buffer.concat(bytes);
}
