/** Characters that move the cursor, reorder a line or don't show: a command to copy must not hold them as they are. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** `word` as a shell of the POSIX family reads it back, in a line to copy; as it is where that needs no quotes. */
export function quoteForShell(word: string): string {
  // `=` at the start means something to zsh.
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word)) return word;
  if (!UNSEEN.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  // Bash, zsh, ksh and POSIX 2024: what can't be seen is written byte by byte.
  const escaped = [...word].map((character) => {
    if (UNSEEN.test(character))
      return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
    return character === "'" || character === '\\' ? `\\${character}` : character;
  });
  return `$'${escaped.join('')}'`;
}
