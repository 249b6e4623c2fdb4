import { outerSessionVariables } from '../claude/outer-session.ts';
import { isOver } from '../claude/running-session.ts';
import type { Environment } from '../environment.ts';
import { Failure } from '../failure.ts';
import { quoteForShell } from '../shell-quote.ts';

/** Why a command that only a person may run does not run inside Claude Code. */
export function notForAnAgent(environment: Environment): Failure {
  return new Failure('refused', "This can't run inside Claude Code.", wayOut(environment));
}

/**
 * How a person runs what was typed. A variable may have been left behind by a session, in a tmux server that
 * was started there: that is said only where somebody sits at the terminal, as an agent does not.
 */
export function wayOut(environment: Environment): string {
  const { variables } = environment;
  const line = lineToType(environment);
  if (!process.stdin.isTTY && !process.stdout.isTTY) {
    return `CLAUDECODE is set. Type it in a terminal of your own:\n  ${line}`;
  }
  const names = outerSessionVariables(variables);
  return [
    'If no session runs in this terminal, CLAUDECODE was left behind by one. Then type:',
    `  unset ${names.join(' ')}`,
    ...(variables['TMUX'] ? names.map((name) => `  tmux set-environment -gu ${name}`) : []),
    'and again, here or in another terminal:',
    `  ${line}`,
  ].join('\n');
}

/** The options of publish and export that a value follows. */
const WITH_VALUE = ['--ttl', '--share', '--timeout', '--folder', '-o', '--output', '--recipient', '--with'];

/**
 * What was typed, as a line to paste in another terminal. A publish or export that names no session gets the
 * current one added, unless that is over: another terminal would choose another.
 */
function lineToType({ typed, claudeSessionId: session, claudeFolder }: Environment): string {
  const isValue = (i: number) => WITH_VALUE.includes(typed[i - 1] ?? '');
  const isCommand = (word: string, i: number) => i === 0 && (word === 'publish' || word === 'export');
  const namesNone = typed.every((word, i) => word.startsWith('-') || isValue(i) || isCommand(word, i));
  const names = namesNone && session !== undefined && !isOver(claudeFolder, session) ? [quoteForShell(session)] : [];
  return ['cclink', ...typed.map(quoteForShell), ...names].join(' ');
}
