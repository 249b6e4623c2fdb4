/** Characters that move the cursor, reorder a line or are invisible: a line to copy must not contain them. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** `word` quoted for a POSIX shell, in a line to copy; unchanged if it needs no quotes. */
export function quoteForShell(word: string): string {
  // `=` at the start means something to zsh.
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word)) return word;
  if (!UNSEEN.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  // In the syntax of bash, zsh, ksh and POSIX 2024, invisible characters are written byte by byte.
  const escaped = [...word].map((character) => {
    if (UNSEEN.test(character))
      return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
    return character === "'" || character === '\\' ? `\\${character}` : character;
  });
  return `$'${escaped.join('')}'`;
}
