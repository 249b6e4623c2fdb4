import { UNSEEN } from '../shown-text.ts';

/** Escape sequences (CSI, OSC, DCS and the like, and two-character ones). */
const ESCAPE_SEQUENCE =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/gu;
const INVISIBLE = new RegExp(UNSEEN, 'gu');
/** What only joins or colours the emoji before it. */
const EMOJI_VARIATION = /(?<=\p{Extended_Pictographic}\p{Emoji_Modifier}?)[\ufe0e\ufe0f\u200d]+/gu;
/** White space, also that which \s does not know. */
const SPACE = /[\s\u2800]+/gu;

/**
 * Turns text into one harmless line: no control characters or escape sequences, and no characters that
 * reorder or hide others.
 *
 * Everything that somebody else may have written goes through here before it is shown: host names, paths,
 * titles, records.
 */
export function printable(text: string): string {
  return text
    .replace(/[\t\r\n]+/g, ' ')
    .replace(ESCAPE_SEQUENCE, '')
    .replace(EMOJI_VARIATION, '')
    .replace(INVISIBLE, '\ufffd');
}

/** `text` made printable, with its white space collapsed: it can't be laid out to look like several lines. */
export function sentence(text: string): string {
  return printable(text).replace(SPACE, ' ').trim();
}

/** The same, cut to at most `length` characters. Whatever a stranger wrote is shown by this. */
export function excerpt(text: string, length: number): string {
  const characters = [...sentence(text)];
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}

/**
 * `value` as JSON in which every character that moves a cursor, reorders or hides text is escaped, so that a
 * terminal can show it.
 */
export function printableJson(value: unknown): string {
  const escaped = (character: string) =>
    character.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return JSON.stringify(value).replace(INVISIBLE, escaped);
}

/** Several lines made printable one by one, so that their line ends stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
