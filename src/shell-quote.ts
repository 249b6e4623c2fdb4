import { UNSEEN } from './shown-text.ts';

/**
 * `word` quoted, in a line to copy; unchanged if it needs no quotes. It means the same in sh, dash, bash,
 * zsh, ksh and fish (3.4 and later; an older one refuses the line where a word has invisible characters).
 *
 * No form of a word that ends with a line break is the same everywhere: instead of it stands a text that
 * says so.
 */
export function quoteForShell(word: string): string {
  // `=` at the start means something to zsh, `%` to fish.
  if (/^[\w@+:,./-][\w@%+=:,./-]*$/.test(word)) return word;
  if (UNSEEN.test(word)) return quoteUnseen(word);
  // In fish, a backslash in single quotes may escape what follows. Outside of quotes it does so everywhere.
  const parts = word.split(/(['\\]+)/).filter((part) => part !== '');
  return parts.map((part) => (/^['\\]/.test(part) ? part.replace(/./g, '\\$&') : `'${part}'`)).join('') || "''";
}

/**
 * Quotes in which a byte can be written as a number, `$'…'`, are unknown to dash and fish. All shells have
 * printf, and take what a command prints, in double quotes, as one word, without the line breaks at its end.
 */
function quoteUnseen(word: string): string {
  if (word.endsWith('\n')) return "'(a name that ends with a line break)'";
  const escaped = [...word].map((character, i) => {
    if (character === '%') return '%%';
    const isPlain = /[\w @+:,./=-]/.test(character) || (character > '\x7f' && !UNSEEN.test(character));
    return isPlain && !(i === 0 && character === '-') ? character : inOctal(character);
  });
  return `"$(printf '${escaped.join('')}')"`;
}

const inOctal = (character: string) =>
  [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
