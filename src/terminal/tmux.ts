import { spawnSync } from 'node:child_process';
import { Failure } from '../failure.ts';
import { excerpt } from './printable.ts';

/**
 * Runs a command in a new window of the tmux that this process runs in. `title` names the window; `command` is passed as
 * words, which tmux runs without a shell.
 */
export function openTmuxWindow(
  title: string,
  directory: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): void {
  // In a window's name tmux expands `#`, and reads `:` and `.` as parts of an address.
  const name = excerpt(title.replace(/[#:.]/g, ' '), 30);
  const { status, error } = spawnSync(
    'tmux',
    ['new-window', '-n', name, '-c', directory.replaceAll('#', '##'), '--', ...command],
    {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (error !== undefined || status !== 0) {
    throw new Failure(
      'no-claude',
      'tmux did not open a window.',
      `Run it yourself, in ${directory}: ${command.join(' ')}`,
    );
  }
}
