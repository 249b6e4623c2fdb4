import { Failure } from '../failure.ts';
import { isSessionId } from './session-id.ts';

/** Characters that move the cursor, reorder a line or don't show: a command to copy must not hold them as they are. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/**
 * The command that resumes session `id`, program first. `extra` is what the user adds.
 *
 * Throws `refused` if `id` is not a session id: it comes from a handoff, and `claude` would take `-...` for an option.
 */
export function resumeCommand(id: string, extra: readonly string[] = []): string[] {
  if (!isSessionId(id)) {
    throw new Failure('refused', 'What this handoff names is not a session id.', 'Ask the publisher to publish again.');
  }
  return ['claude', '--resume', id, ...extra];
}

/** One line that runs `command` in `directory` when typed: in a POSIX shell, or on Windows in PowerShell. */
export function resumeLine(
  directory: string | null,
  command: readonly string[],
  platform: NodeJS.Platform = process.platform,
): string {
  const [quote, and] = platform === 'win32' ? [quoteForPowerShell, ';'] : [quoteForShell, ' &&'];
  const line = command.map(quote).join(' ');
  return directory === null ? line : `cd ${quote(directory)}${and} ${line}`;
}

function quoteForShell(word: string): string {
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

/** PowerShell takes curly quotes for straight ones. */
function quoteForPowerShell(word: string): string {
  return /^[\w+=:./\\-]+$/.test(word) ? word : `'${word.replace(/['\u2018-\u201b]/g, '$&$&')}'`;
}
