import { accessSync, constants, statSync } from 'node:fs';
import { posix, win32 } from 'node:path';

/** Where to look for `claude`. */
export interface ClaudePlaces {
  /** The environment. */
  readonly variables: NodeJS.ProcessEnv;
  readonly home: string;
  /** Claude Code's own folder. */
  readonly claudeFolder: string;
}

/**
 * The `claude` that a shell would start; else one that Claude Code's own installers put where only an alias
 * of the user's shell may lead. Null if there is none.
 */
export function findClaude(places: ClaudePlaces, platform: NodeJS.Platform = process.platform): string | null {
  return onPath(places, platform) ?? installedCandidates(places, platform).find(isProgram) ?? null;
}

/** How to call `claude` in a line to type: by its whole path where `PATH` does not lead to it. */
export function claudeWord(places: ClaudePlaces, platform: NodeJS.Platform = process.platform): string {
  return onPath(places, platform) === null ? (findClaude(places, platform) ?? 'claude') : 'claude';
}

function onPath({ variables }: ClaudePlaces, platform: NodeJS.Platform): string | null {
  return claudeCandidates(variables, platform).find(isProgram) ?? null;
}

/** Where Claude Code's installers put it: the native one, then the older local one. */
export function installedCandidates({ home, claudeFolder }: ClaudePlaces, platform: NodeJS.Platform): string[] {
  if (platform === 'win32') {
    const folders = [win32.join(home, '.local', 'bin'), win32.join(claudeFolder, 'local')];
    return folders.flatMap((folder) => ['claude.exe', 'claude.cmd'].map((name) => win32.join(folder, name)));
  }
  const folders = [
    posix.join(home, '.local/bin'),
    posix.join(claudeFolder, 'local'),
    posix.join(home, '.claude/local'),
  ];
  return [...new Set(folders)].map((folder) => posix.join(folder, 'claude'));
}

/**
 * Where `claude` may be, in the order of `PATH`; on Windows with an extension from `PATHEXT`, `.exe` before
 * the `.cmd` shim beside it.
 *
 * Relative directories on `PATH` are left out: what they mean depends on the current directory.
 */
export function claudeCandidates(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string[] {
  if (platform !== 'win32') {
    return (env['PATH'] ?? '')
      .split(posix.delimiter)
      .filter((directory) => posix.isAbsolute(directory))
      .map((directory) => posix.join(directory, 'claude'));
  }
  return (variable(env, 'PATH') ?? '')
    .split(win32.delimiter)
    .map((directory) => directory.replace(/^"(.*)"$/, '$1'))
    .filter((directory) => win32.isAbsolute(directory))
    .flatMap((directory) => windowsNames(variable(env, 'PATHEXT')).map((name) => win32.join(directory, name)));
}

/** The names to try, in order, limited to extensions that can be started. */
function windowsNames(pathExt = '.COM;.EXE;.BAT;.CMD'): string[] {
  const endings = pathExt.toLowerCase().split(';');
  return ['.com', '.exe', '.bat', '.cmd']
    .filter((ending) => endings.includes(ending))
    .map((ending) => `claude${ending}`);
}

/** On Windows names of variables are case-insensitive, but in a copy of the environment they are not. */
function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const key = Object.keys(env).find((candidate) => candidate.toUpperCase() === name);
  return key === undefined ? undefined : env[key];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
