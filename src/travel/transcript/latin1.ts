const HIGH = /[\u0080-\u{10ffff}]/u;
const WIDE = /[^\0-\xff]/;

/**
 * The text of a string from JSON that was UTF-8 but was parsed as latin1, which is faster and exact for
 * ASCII. What was escaped in it (`\u4e2d`) is in it already.
 */
export function textOfLatin1(text: string): string {
  if (!HIGH.test(text)) return text;
  if (!WIDE.test(text)) return Buffer.from(text, 'latin1').toString('utf8');
  return text.replace(/[\0-\xff]+/g, (bytes) => Buffer.from(bytes, 'latin1').toString('utf8'));
}

/** Whether `text` has one byte a unit as latin1. Costs nothing for those that are kept so. */
export const isLatin1 = (text: string) => !WIDE.test(text);
