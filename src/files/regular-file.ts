import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/**
 * Opens `path` for reading and passes it to `use`. Null if either fails, or if it is not a regular file: no
 * symbolic link, and no pipe or device, which could keep us waiting.
 */
export function withRegularFile<T>(path: string, use: (descriptor: number) => T): T | null {
  let descriptor: number;
  try {
    // Windows lacks these two flags: there, symbolic links are followed.
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
