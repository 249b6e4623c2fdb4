import { readdirSync, readlinkSync } from 'node:fs';

/**
 * The files below `folder` that a process has open, on Linux: their paths below `/proc`, by which they can be
 * looked at even without a name.
 */
export function openFilesIn(folder: string, pid: number | 'self' = 'self'): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map((number) => `/proc/${pid}/fd/${number}`)
    .filter((path) => targetOf(path).startsWith(folder));
}

/** Nothing, where it was closed meanwhile: as what reads the folder is. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
