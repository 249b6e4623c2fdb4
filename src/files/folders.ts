import { mkdirSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import { fileFailure } from './file-failure.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where we keep what must survive a restart but is no configuration (XDG Base Directory, `$XDG_STATE_HOME`).
 * Not created here.
 */
export function stateFolder(env: Environment, home: string, platform: NodeJS.Platform): string {
  return ownFolder(env, home, platform, 'XDG_STATE_HOME', '.local/state', 'state');
}

/**
 * Where we keep what can be made again at any time (XDG Base Directory, `$XDG_CACHE_HOME`). Not created here.
 */
export function cacheFolder(env: Environment, home: string, platform: NodeJS.Platform): string {
  return ownFolder(env, home, platform, 'XDG_CACHE_HOME', '.cache', 'cache');
}

/** Where we keep what the user chose (XDG Base Directory, `$XDG_CONFIG_HOME`). Not created here. */
export function configFolder(env: Environment, home: string, platform: NodeJS.Platform): string {
  return ownFolder(env, home, platform, 'XDG_CONFIG_HOME', '.config', 'config');
}

function ownFolder(
  env: Environment,
  home: string,
  platform: NodeJS.Platform,
  variable: string,
  belowHome: string,
  onWindows: string,
): string {
  const path = platform === 'win32' ? win32 : posix;
  const base = env[variable];
  // The XDG specification says to ignore relative paths.
  if (base !== undefined && path.isAbsolute(base)) return path.join(base, 'cclink');
  if (platform !== 'win32') return path.join(home, belowHome, 'cclink');
  return path.join(env['LOCALAPPDATA'] || path.join(home, 'AppData', 'Local'), 'cclink', onWindows);
}

/**
 * Creates a folder and its missing parents, accessible only to the user (0700). Existing folders are not
 * changed. Throws `refused`.
 */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileFailure('create', path, error);
  }
}
