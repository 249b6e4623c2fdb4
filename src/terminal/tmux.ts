import { spawnSync } from 'node:child_process';
import { excerpt } from './printable.ts';

/** A command to run in a window of tmux. */
export interface TmuxWindow {
  /** Names the window. */
  readonly title: string;
  readonly directory: string;
  /** Its words, the program first. */
  readonly command: readonly string[];
  /** It gets the environment of the tmux server, without the variables in `unset` and with those in `set`. */
  readonly unset: readonly string[];
  readonly set: Readonly<Record<string, string>>;
}

/** True if the tmux that `env` names answers. */
export function tmuxAnswers(env: NodeJS.ProcessEnv): boolean {
  return tmux(env, ['display-message', '-p', '#{session_id}']) !== null;
}

/**
 * Runs a command in a new window of the tmux that `env` names. Returns the window's name for people, like
 * `work:3`; null if tmux opened none.
 */
export function openTmuxWindow(env: NodeJS.ProcessEnv, { title, directory, ...window }: TmuxWindow): string | null {
  const variables = [
    ...window.unset.flatMap((name) => ['-u', name]),
    ...Object.entries(window.set).map(([name, value]) => `${name}=${value}`),
  ];
  // In window names tmux expands `#`, and takes `:` and `.` for parts of a target.
  const name = excerpt(title.replace(/[#:.]/g, ' '), 30);
  // It would expand the directory as well, and in that nothing escapes a `#[`: a shell changes into it.
  const change = ['sh', '-c', 'cd -- "$1" && shift && exec "$@"', 'sh', directory];
  const words = ['env', ...variables, ...change, ...window.command];
  return tmux(env, ['new-window', '-P', '-F', '#{session_name}:#{window_index}', '-n', name, '--', ...words]);
}

/** The first line that a tmux command prints; null if it fails. */
function tmux(env: NodeJS.ProcessEnv, words: readonly string[]): string | null {
  // It takes a word that ends in `;` as the end of a command.
  const escaped = words.map((word) => word.replace(/;$/, '\\;'));
  // Its own reasons, as of a socket that is gone, are of use.
  const { status, error, stdout } = spawnSync('tmux', escaped, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  return error === undefined && status === 0 ? (stdout.toString().split('\n')[0] ?? '') : null;
}
