import type { Declaration } from './declaration.ts';

/**
 * Every command by its name, in the order of the help. Its file is loaded when it is asked for: a command
 * that nobody typed costs nothing.
 *
 * To add one, write a file that exports its `command`, and a line here.
 */
export const COMMANDS = {
  publish: () => import('./publish.ts'),
  pickup: () => import('./pickup.ts'),
  show: () => import('./show.ts'),
  list: () => import('./list.ts'),
  revoke: () => import('./revoke.ts'),
  export: () => import('./export.ts'),
  import: () => import('./import.ts'),
  init: () => import('./init.ts'),
  whoami: () => import('./whoami.ts'),
  doctor: () => import('./doctor.ts'),
  demo: () => import('./demo.ts'),
  completion: () => import('./completion.ts'),
} satisfies Readonly<Record<string, () => Promise<{ readonly command: Declaration }>>>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

export function isCommandName(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}
