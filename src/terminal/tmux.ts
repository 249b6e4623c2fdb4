import { spawnSync } from 'node:child_process';
import { Failure } from '../failure.ts';
import { excerpt } from './printable.ts';

/**
 * Runs a command in a new window of the tmux that this process runs in. `title` names the window; `command` is passed as
 * words, which tmux runs without a shell. A window has the environment of the tmux server: the variables in `unset` are taken
 * out of that, and those in `set` put in.
 */
export function openTmuxWindow(window: {
  readonly title: string;
  readonly directory: string;
  readonly command: readonly string[];
  /** The same as a line to type, for the case that tmux fails. */
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
  // In a window's name tmux expands `#`, and reads `:` and `.` as parts of an address.
  const name = excerpt(title.replace(/[#:.]/g, ' '), 30);
  // tmux takes a word that ends in `;` for the end of a command.
  const words = ['-n', name, '-c', directory.replaceAll('#', '##'), '--', 'env', ...variables, ...command];
  const escaped = words.map((word) => word.replace(/;$/, '\\;'));
  const { status, error } = spawnSync('tmux', ['new-window', ...escaped], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (error === undefined && status === 0) return;
  throw new Failure('refused', 'tmux did not open a window.', `Run it yourself: ${window.line}`);
}
