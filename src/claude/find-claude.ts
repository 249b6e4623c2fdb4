import { accessSync, constants, statSync } from 'node:fs';
import { posix, win32 } from 'node:path';

/**
 * The `claude` that a shell would start: the first on `PATH`, and on Windows with an ending from `PATHEXT`, `.exe` before a `.cmd` shim beside it.
 * Null if there is none. Directories on `PATH` that are not absolute are passed over: what they mean changes with the directory.
 */
export function findClaude(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string | null {
  const { delimiter, isAbsolute, join } = platform === 'win32' ? win32 : posix;
  const names = platform === 'win32' ? windowsNames(variable(env, 'PATHEXT')) : ['claude'];
  const paths = (platform === 'win32' ? variable(env, 'PATH') : env['PATH']) ?? '';
  return (
    paths
      .split(delimiter)
      .map((directory) => (platform === 'win32' ? directory.replace(/^"(.*)"$/, '$1') : directory))
      .filter((directory) => isAbsolute(directory))
      .flatMap((directory) => names.map((name) => join(directory, name)))
      .find(isProgram) ?? null
  );
}

/** Names in the order to try, of the kinds that can be started. */
function windowsNames(pathExt = '.COM;.EXE;.BAT;.CMD'): string[] {
  const endings = pathExt.toLowerCase().split(';');
  return ['.com', '.exe', '.bat', '.cmd']
    .filter((ending) => endings.includes(ending))
    .map((ending) => `claude${ending}`);
}

/** Windows takes the names of variables in any case; a copy of the environment doesn't. */
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
