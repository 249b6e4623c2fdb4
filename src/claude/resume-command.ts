import { Failure } from '../failure.ts';
import { quoteForShell } from '../shell-quote.ts';
import { isSessionId } from './session-id.ts';

/**
 * The command that resumes session `id`, program first. `extra` holds the user's own arguments; `program` is
 * a path where `PATH` does not lead to `claude`.
 *
 * Throws `refused` if `id` is not a session id: it comes from a handoff, and `claude` would take `-...` for
 * an option.
 */
export function resumeCommand(id: string, extra: readonly string[] = [], program = 'claude'): string[] {
  if (!isSessionId(id)) {
    throw new Failure('refused', 'What this handoff names is not a session id.', 'Ask the publisher to publish again.');
  }
  return [program, '--resume', id, ...extra];
}

/** One line that runs `command` in `directory` when typed: in any shell, or on Windows in PowerShell. */
export function resumeLine(
  directory: string | null,
  command: readonly string[],
  platform: NodeJS.Platform = process.platform,
): string {
  const [quote, and] = platform === 'win32' ? [quoteForPowerShell, ';'] : [quoteForShell, ' &&'];
  const line = command.map(quote).join(' ');
  if (directory === null) return line;
  // The slash keeps a line break at the end of a name, which a shell would drop.
  return `cd ${quote(directory.endsWith('\n') ? `${directory}/` : directory)}${and} ${line}`;
}

/** PowerShell treats curly quotes as straight ones. */
function quoteForPowerShell(word: string): string {
  return /^[\w+=:./\\-]+$/.test(word) ? word : `'${word.replace(/['\u2018-\u201b]/g, '$&$&')}'`;
}
