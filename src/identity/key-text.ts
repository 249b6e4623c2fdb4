import { secretBytes } from '../secret-bytes.ts';

/** Tab to carriage return, and the space. */
const isSpace = (byte: number | undefined) => byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
const [QUOTE, APOSTROPHE, ZERO, X] = [0x22, 0x27, 0x30, 0x78];

/**
 * The text of a key without what people and programs put around it: a byte order mark, UTF-16 (PowerShell's
 * `>`), white space, quotes, `0x`. A copy, which the caller wipes: a string could not be.
 */
export function bareText(bytes: Uint8Array): Uint8Array {
  const text = singleBytes(bytes);
  let [start, end] = [0, text.length];
  const trim = () => {
    while (start < end && isSpace(text[start])) start++;
    while (start < end && isSpace(text[end - 1])) end--;
  };
  trim();
  if (end - start >= 2 && text[start] === text[end - 1] && (text[start] === QUOTE || text[start] === APOSTROPHE)) {
    start++;
    end--;
    trim();
  }
  if (text[start] === ZERO && ((text[start + 1] ?? 0) | 0x20) === X) start += 2;
  const bare = secretBytes(text.subarray(start, end));
  text.fill(0);
  return bare;
}

/** A copy of one byte a character, without a byte order mark. UTF-16 beyond ASCII stays as it is. */
function singleBytes(bytes: Uint8Array): Uint8Array {
  if (startsWith(bytes, 0xef, 0xbb, 0xbf)) return secretBytes(bytes.subarray(3));
  const bigEndian = startsWith(bytes, 0xfe, 0xff);
  const marked = bigEndian || startsWith(bytes, 0xff, 0xfe);
  const low = bigEndian ? 1 : 0;
  const units = bytes.subarray(marked ? 2 : 0);
  const isWide = units.length >= 2 && units.length % 2 === 0 && units.every((byte, i) => i % 2 === low || byte === 0);
  return isWide ? units.filter((_, i) => i % 2 === low) : secretBytes(bytes);
}

const startsWith = (bytes: Uint8Array, ...start: number[]) => start.every((byte, i) => bytes[i] === byte);
