/**
 * Escape sequences (CSI, OSC, DCS and the like, and two-character ones); below it, everything else that moves
 * a cursor or hides text.
 */
const ESCAPE_SEQUENCE =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/gu;
const INVISIBLE =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

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
    .replace(INVISIBLE, '\ufffd');
}

/** `text` made printable and cut to at most `length` characters. */
export function excerpt(text: string, length: number): string {
  const characters = [...printable(text).replace(/\s+/g, ' ').trim()];
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
