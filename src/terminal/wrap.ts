import { stripVTControlCharacters } from 'node:util';
import { columnsOf } from './width.ts';

/** The start of what a user copies: a line break in it would be copied too. */
const COMMAND = '(?:cclink|claude|cd|ssh|chmod|unset|tmux|rsync|sudo|export|curl|npm) ';
const TO_COPY = new RegExp(`^${COMMAND}`);
/** A command at the end of a sentence: `See it with: cclink whoami`. Others before it are words like any. */
const COMMAND_AT_END = new RegExp(`(?<=: )${COMMAND}(?!.*: ${COMMAND}).*$`);
/** A label, or a line to copy, with something beside it, as in a table; or the dash of a list. */
const LABELLED = /^(?: *\S+(?: \S+)* {2,}|- )(?=\S)/;
const QR_CODE = /[▀▄█]/;

/**
 * `text`, which may have colours, with each line broken between words where it is longer than `columns`; null
 * for no end. Beside a label, the next line begins where the first did. Lines to copy, which stand by
 * themselves or are indented, stay whole.
 */
export function wrap(text: string, columns: number | null): string {
  if (columns === null) return text;
  const wrapped = (line: string) => (columnsOf(line) <= columns ? line : wrapLine(line, columns));
  return text.split('\n').map(wrapped).join('\n');
}

function wrapLine(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  const indent = LABELLED.exec(plain)?.[0].length ?? 0;
  if (QR_CODE.test(plain) || (indent === 0 && (plain.startsWith(' ') || TO_COPY.test(plain)))) return line;
  const [label, rest] = splitAfter(line, indent);
  const command = COMMAND_AT_END.exec(rest);
  const words = command === null ? rest.split(' ') : [...rest.slice(0, command.index - 1).split(' '), command[0]];
  const lines: string[] = [];
  let current = label;
  let width = indent;
  for (const word of words) {
    const wordWidth = columnsOf(word);
    const isFirst = width === indent;
    if (!isFirst && width + 1 + wordWidth > columns) {
      lines.push(current);
      current = `${' '.repeat(indent)}${word}`;
      width = indent + wordWidth;
    } else {
      current += isFirst ? word : ` ${word}`;
      width += (isFirst ? 0 : 1) + wordWidth;
    }
  }
  return [...lines, current].join('\n');
}

/** Splits `line` after `columns` characters that are shown; colours end with what they colour. */
function splitAfter(line: string, columns: number): [string, string] {
  if (columns === 0) return ['', line];
  let at = 0;
  while (at < line.length && stripVTControlCharacters(line.slice(0, at)).length < columns) at++;
  return [line.slice(0, at), line.slice(at)];
}
