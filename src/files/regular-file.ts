import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/**
 * Opens `path` to read it, unless it is a symbolic link, or a pipe or device that would keep us waiting; null if it
 * can't.
 */
export function withRegularFile<T>(path: string, use: (descriptor: number) => T): T | null {
  let descriptor: number;
  try {
    // On Windows these two are missing: there is nothing of that kind to guard against.
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    return fstatSync(descriptor).isFile() ? use(descriptor) : null;
  } catch {
    return null;
  } finally {
    closeSync(descriptor);
  }
}

/** At most `length` bytes from `position`. */
export function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
}
