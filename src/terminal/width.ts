import { stripVTControlCharacters } from 'node:util';

/** Characters that take no column: marks on the one before, and joiners. */
const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}]/u;
/** Characters that take two columns: East Asian ones (UAX #11, W and F), and emoji. */
const TWO_COLUMNS =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18aff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;

/** How many columns `text`, one line without control characters but for colours, takes on a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of stripVTControlCharacters(text)) columns += columnsOfCharacter(character);
  return columns;
}

/** The start of `text` (without colours) that fits in `columns`, with an ellipsis where something is cut. */
export function cutToColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let cut = '';
  let left = columns - 1;
  for (const character of text) {
    left -= columnsOfCharacter(character);
    if (left < 0) break;
    cut += character;
  }
  return `${cut}…`;
}

function columnsOfCharacter(character: string): number {
  if (TWO_COLUMNS.test(character)) return 2;
  return NO_COLUMN.test(character) ? 0 : 1;
}
