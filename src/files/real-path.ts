import { realpathSync } from 'node:fs';

/** `path` with symbolic links resolved; unchanged if that fails, as for a missing file. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
