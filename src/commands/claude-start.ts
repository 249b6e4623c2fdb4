import { OUTER_SESSION_VARIABLES, withoutOuterSession } from '../claude/outer-session.ts';
import { resumeLine } from '../claude/resume-command.ts';
import type { ClaudeHere } from '../claude/start-options.ts';
import { type Environment, SECRET_VARIABLES, wipeSecrets } from '../environment.ts';
import { Failure } from '../failure.ts';
import { becomeClaude, canTalk } from '../process/become-claude.ts';
import { claudeOptions } from '../process/claude-options.ts';
import { claudeVersion } from '../process/claude-version.ts';
import { findClaude } from '../process/find-claude.ts';
import { inspectProgram } from '../process/program-file.ts';
import { isStandardOutputLost, makeStandardStreamsBlocking } from '../terminal/standard-streams.ts';
import type { Context } from './context.ts';

/** What is to become of a session that is picked up. */
export interface ClaudeStart {
  /**
   * What keeps it from that, with what this machine is like now; null if nothing. `isSpent`: there will be no
   * other try.
   */
  obstacle(isSpent: boolean): Promise<Failure | null>;
  /**
   * Starts `claude` with a command (its own name first) in a directory. Calls `started` when only `claude`
   * itself can still fail. Resolves to the exit code.
   */
  start(session: ResumedSession, started: () => Promise<void>): Promise<number>;
}

interface ResumedSession {
  readonly title: string;
  readonly directory: string;
  readonly command: readonly string[];
}

/** Asks the `claude` that is to be started for its version; null if it can't be told. */
export async function versionOfClaude({ environment }: Context): Promise<string | null> {
  const path = findClaude(environment);
  return path === null ? null : claudeVersion(path, withoutOuterSession(environment.variables));
}

/** Asks the `claude` of this machine what it is. That starts it twice, for a quarter of a second. */
export async function claudeHere({ environment }: Context): Promise<ClaudeHere> {
  const path = findClaude(environment);
  if (path === null) return { version: null, options: new Set() };
  const env = withoutOuterSession(environment.variables);
  const [version, options] = await Promise.all([claudeVersion(path, env), claudeOptions(path, env)]);
  return { version, options };
}

/** What keeps a command from being printed where `claude` is not started; else as `obstacle`. */
export async function printingObstacle(isSpent: boolean): Promise<Failure | null> {
  return isSpent && isStandardOutputLost() ? nobodyReads() : null;
}

/** `claude` takes the place of this process. `claudeArgs` are the user's own arguments for it. */
export function inThisTerminal({ environment, output }: Context, claudeArgs: readonly string[]): ClaudeStart {
  const env = withoutOuterSession(environment.variables);
  return {
    async obstacle(isSpent) {
      const failure = await claudeObstacle(environment, env);
      if (failure !== null || runsOnce(claudeArgs) || canTalk()) return failure;
      return isSpent ? noTerminalForClaude() : null;
    },
    async start({ directory, command }, started) {
      if (!runsOnce(claudeArgs) && !canTalk()) {
        output.say(`There is no terminal for claude here. In a terminal, type:\n${resumeLine(directory, command)}`);
      }
      wipeSecrets(environment);
      makeStandardStreamsBlocking();
      return becomeClaude({ claudePath: claudePathIn(environment), args: command.slice(1), directory, env, started });
    },
  };
}

/** `claude` runs in a new window of tmux. Throws `usage` where there is none. */
export async function inTmux({ environment, output }: Context): Promise<ClaudeStart> {
  const { openTmuxWindow, tmuxAnswers } = await import('../terminal/tmux.ts');
  const env = environment.variables;
  if (!env['TMUX']) throw noTmux('There is no tmux here to open a window in.');
  return {
    obstacle: async () =>
      (await claudeObstacle(environment, env)) ?? (tmuxAnswers(env) ? null : noTmux('tmux does not answer.')),
    async start({ title, directory, command }, started) {
      const window = openTmuxWindow(env, {
        title,
        directory,
        command: [claudePathIn(environment), ...command.slice(1)],
        unset: [...SECRET_VARIABLES, ...OUTER_SESSION_VARIABLES, 'CLAUDE_CONFIG_DIR'],
        set: {
          ...(env['PATH'] && { PATH: env['PATH'] }),
          ...(env['CLAUDE_CONFIG_DIR'] && { CLAUDE_CONFIG_DIR: environment.claudeFolder }),
        },
      });
      if (window === null) {
        throw new Failure(
          'refused',
          'tmux did not open a window.',
          `Run it yourself: ${resumeLine(directory, command)}`,
        );
      }
      await started();
      output.say(`Claude Code runs in window ${window} of tmux.`);
      return 0;
    },
  };
}

/** Where `claude` is; an obstacle has been looked for before. */
function claudePathIn(environment: Environment): string {
  const path = findClaude(environment);
  if (path === null) throw noClaude();
  return path;
}

/** Why `claude` can't be started; null if it can, as far as that can be told beforehand. */
async function claudeObstacle(environment: Environment, env: NodeJS.ProcessEnv): Promise<Failure | null> {
  const path = findClaude(environment);
  if (path === null) return noClaude();
  const program = inspectProgram(path, env);
  if (program.kind === 'broken') return brokenClaude(path, program.reason);
  if (program.kind !== 'unknown' || process.platform === 'win32') return null;
  return (await claudeVersion(path, env)) === null ? brokenClaude(path, 'it does not run on this machine') : null;
}

/** True if the user's arguments make `claude` run once, without talking with the user. */
function runsOnce(claudeArgs: readonly string[]): boolean {
  return claudeArgs.some((word) => word === '--print' || /^-[a-zA-Z]*p/.test(word));
}

function noClaude(): Failure {
  return new Failure(
    'no-claude',
    'There is no claude here, on your PATH or where its installers put it, so the session cannot go on yet.',
    'Install Claude Code (https://claude.com/claude-code), or take only the command with --no-run.',
  );
}

function brokenClaude(path: string, reason: string): Failure {
  return new Failure(
    'no-claude',
    `Claude Code at ${path} can't be started: ${reason}.`,
    'Mend it until `claude --version` works here, or take only the command with --no-run.',
  );
}

function noTerminalForClaude(): Failure {
  return new Failure(
    'usage',
    'Claude Code would have no terminal here to talk with you, and this handoff can be picked up only once.',
    'Run it in a terminal (over ssh: ssh -t), take only the command with --no-run, or let claude run once: cclink pickup -y -- -p "go on"',
  );
}

function nobodyReads(): Failure {
  return new Failure(
    'usage',
    'Standard output is closed or leads to a device that keeps nothing, so the command to go on with would be lost.',
    'Let it lead to a terminal, a pipe or a file.',
  );
}

function noTmux(message: string): Failure {
  return new Failure('usage', message, 'Start tmux first, or leave out --tmux.');
}
