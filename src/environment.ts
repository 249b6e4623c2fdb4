import { userInfo } from 'node:os';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { claudeFolder } from './claude/folders.ts';
import { Failure } from './failure.ts';
import { cacheFolder, stateFolder } from './files/folders.ts';
import { takeFromStart } from './process/start-environment.ts';

/**
 * Variables that hold a secret. They are removed from the environment at once, so that no child sees them.
 */
export const SECRET_VARIABLES = ['CCLINK_PASSPHRASE', 'CCLINK_NEW_PASSPHRASE', 'CCLINK_PIN', 'CCLINK_CODE'] as const;

/** Everything that is taken from the environment, read once. */
export interface Environment {
  readonly home: string;
  readonly keyFile: string;
  readonly claudeFolder: string;
  readonly stateFolder: string;
  readonly cacheFolder: string;
  /** The folder (absolute) that this machine and others see, where sealed sessions are put and found. */
  readonly folder: string | undefined;
  /** `CCLINK_BOOTSTRAP` as given. */
  readonly bootstrap: string | undefined;
  /** UTF-8 bytes, as the other two secrets; `wipeSecrets` overwrites all three. */
  readonly passphrase: Uint8Array | undefined;
  /** What `init --change-passphrase` sets. */
  readonly newPassphrase: Uint8Array | undefined;
  readonly passphraseCommand: string | undefined;
  readonly pin: Uint8Array | undefined;
  /** True if a Claude Code session started this process: an agent may be typing. */
  readonly underClaudeCode: boolean;
  /** The session that started this process. */
  readonly claudeSessionId: string | undefined;
  /** The arguments of the program, as they were typed. */
  readonly typed: readonly string[];
  /** The environment for children, without our secrets. */
  readonly variables: NodeJS.ProcessEnv;
}

/** Reads `env` and removes our secrets from it. `typed` are the arguments of the program. */
export function takeEnvironment(env: NodeJS.ProcessEnv, typed: readonly string[]): Environment {
  const secrets = takeSecrets(env);
  // An empty variable is an unset one, as for the XDG base directories.
  const home = homeOf(env);
  return {
    home,
    keyFile: env['CCLINK_KEY_FILE'] || join(home, '.pubky', 'secret_key'),
    claudeFolder: claudeFolder(env, home),
    stateFolder: stateFolder(env, home, process.platform),
    cacheFolder: cacheFolder(env, home, process.platform),
    folder: env['CCLINK_FOLDER'] ? wholePath(home, env['CCLINK_FOLDER']) : undefined,
    bootstrap: env['CCLINK_BOOTSTRAP'] || undefined,
    passphrase: secrets.get('CCLINK_PASSPHRASE'),
    newPassphrase: secrets.get('CCLINK_NEW_PASSPHRASE'),
    passphraseCommand: env['CCLINK_PASSPHRASE_COMMAND'] || undefined,
    pin: secrets.get('CCLINK_PIN'),
    underClaudeCode: Boolean(env['CLAUDECODE']),
    claudeSessionId: env['CLAUDE_CODE_SESSION_ID'] || undefined,
    typed,
    variables: env,
  };
}

/**
 * The secrets in `env`, as bytes, without those that are empty. They are removed from it, and from what the
 * system shows of it to other programs, `claude` and its tools among these.
 */
function takeSecrets(env: NodeJS.ProcessEnv): ReadonlyMap<string, Uint8Array> {
  // Only where it must be is a secret read from `env`, as the string would stay in memory.
  const present = SECRET_VARIABLES.filter((name) => name in env);
  const fromStart = env === process.env && present.length > 0 ? takeFromStart(present) : new Map<string, Uint8Array>();
  const secrets = present.map((name) => [name, fromStart.get(name) ?? Buffer.from(env[name] ?? '')] as const);
  for (const name of present) delete env[name];
  return new Map(secrets.filter(([, value]) => value.length > 0));
}

/** Overwrites the secrets that came from the environment. Nothing that needs one can be done afterwards. */
export function wipeSecrets({ passphrase, newPassphrase, pin }: Environment): void {
  for (const secret of [passphrase, newPassphrase, pin]) secret?.fill(0);
}

/**
 * The home directory: `HOME` or `USERPROFILE` if that is an absolute path, else the one that the system has
 * on record.
 */
function homeOf(env: NodeJS.ProcessEnv): string {
  const named = env['HOME'] || env['USERPROFILE'] || '';
  if (isAbsolute(named)) return named;
  try {
    return userInfo().homedir;
  } catch (cause) {
    throw new Failure('usage', 'There is no home directory to keep the key in.', 'Set HOME to the whole path of one.', {
      cause,
    });
  }
}

/** The current directory; null if it was deleted. */
export function workingDirectory(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

/** The folder (absolute) that was named, else the one of the environment; null without one, or for ''. */
export function folderOf({ folder, home }: Environment, named: string | undefined): string | null {
  if (named === undefined) return folder ?? null;
  return named === '' ? null : wholePath(home, named);
}

/** `~` is left to us by shells in `--folder=~/Sync`, and by whatever sets variables without a shell. */
function wholePath(home: string, path: string): string {
  if (path === '~' || path.startsWith('~/')) return join(home, path.slice(1));
  return resolve(workingDirectory() ?? sep, path);
}
