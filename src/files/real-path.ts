import { realpathSync } from 'node:fs';

/** `path` without symbolic links; as it is if it isn't there. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
