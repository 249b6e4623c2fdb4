import { spawnSync } from 'node:child_process';
import { Failure } from '../failure.ts';
import { excerpt } from './printable.ts';

/**
 * Runs a command in a new window of the tmux that this process runs in. `title` names the window; tmux runs
 * the words of `command` without a shell. The window gets the environment of the tmux server, without the
 * variables in `unset` and with those in `set`.
 */
export function openTmuxWindow(window: {
  readonly title: string;
  readonly directory: string;
  readonly command: readonly string[];
  /** The same command as a line to type, in case tmux fails. */
  readonly line: string;
  readonly env: NodeJS.ProcessEnv;
  readonly unset: readonly string[];
  readonly set: Readonly<Record<string, string>>;
}): void {
  const { title, directory, command, env } = window;
  const variables = [
    ...window.unset.flatMap((name) => ['-u', name]),
    ...Object.entries(window.set).map(([name, value]) => `${name}=${value}`),
  ];
  // In window names tmux expands `#`, and takes `:` and `.` for parts of a target.
  const name = excerpt(title.replace(/[#:.]/g, ' '), 30);
  // tmux takes a word that ends in `;` as the end of a command.
  const words = ['-n', name, '-c', directory.replaceAll('#', '##'), '--', 'env', ...variables, ...command];
  const escaped = words.map((word) => word.replace(/;$/, '\\;'));
  const { status, error } = spawnSync('tmux', ['new-window', ...escaped], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (error === undefined && status === 0) return;
  throw new Failure('refused', 'tmux did not open a window.', `Run it yourself: ${window.line}`);
}
