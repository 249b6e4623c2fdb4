import { accessSync, constants, statSync } from 'node:fs';
import { posix, win32 } from 'node:path';

/** The `claude` that a shell would start; null if there is none. */
export function findClaude(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string | null {
  return claudeCandidates(env, platform).find(isProgram) ?? null;
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
