/**
 * Characters that move the cursor, reorder a line or can't be seen: control and format characters, unassigned
 * and private ones, half surrogate pairs, line separators, and all that Unicode says to ignore.
 */
export const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** `text` cut to at most `length` UTF-16 units: a message must not be made of what a stranger wrote. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
