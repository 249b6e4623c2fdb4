import { randomInt } from 'node:crypto';

const WORDS_OF_A_PIN = 5;

/** A PIN made here: five words of 2048, 55 bits. */
export function makePin(words: readonly string[]): string {
  return Array.from({ length: WORDS_OF_A_PIN }, () => words[randomInt(words.length)]).join('-');
}

/**
 * The PIN that was made here, if `typed` (UTF-8 bytes) is one as people type and send it: with spaces or
 * other signs between its words, in capitals, in quotes. Null if it is not, or exactly as it was made.
 */
export function madePin(typed: Uint8Array): Uint8Array | null {
  const text = Buffer.from(typed).toString('utf8').normalize('NFKC').toLowerCase();
  // Signs only: a letter or a digit between them would be part of somebody's own PIN.
  const words = text.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
  if (words.length !== WORDS_OF_A_PIN || !words.every((word) => /^[a-z]+$/.test(word))) return null;
  const pin = Buffer.from(words.join('-'));
  return pin.equals(typed) ? null : pin;
}
