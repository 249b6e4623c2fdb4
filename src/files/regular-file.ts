import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

/** Windows lacks these two flags: there, symbolic links are followed. */
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/**
 * Opens `path` for reading and passes it to `use`. Null if either fails, or if it is not a regular file: no
 * symbolic link, and no pipe or device, which could keep us waiting.
 */
export function withRegularFile<T>(path: string, use: (descriptor: number) => T): T | null {
  try {
    return useRegularFile(path, use);
  } catch {
    return null;
  }
}

/**
 * As `withRegularFile`, but throws the system error if a file that is there can't be read. Null if there is
 * none, or no regular one.
 */
export function useRegularFile<T>(path: string, use: (descriptor: number) => T): T | null {
  try {
    return withOpenFile(path, O_NOFOLLOW, (descriptor, stats) => (stats.isFile() ? use(descriptor) : null));
  } catch (error) {
    // What is no link is opened whatever `O_NOFOLLOW` says.
    if (['ENOENT', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/**
 * The content of a small file of our own, if it is a regular file of at most `maxBytes`. Symbolic links are
 * followed, as a user may keep the file elsewhere; pipes and devices are not waited for.
 *
 * `check` is given what the system knows of the file, and throws to refuse it. Throws system errors as they
 * are.
 */
export function readSmallFile(
  path: string,
  maxBytes: number,
  check: (stats: Stats) => void = () => {},
): Buffer | 'not a file' | 'too large' {
  // The open file is checked, not its name, which may belong to another file by now.
  return withOpenFile(path, 0, (descriptor, stats) => {
    if (!stats.isFile()) return 'not a file';
    check(stats);
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    if (length <= maxBytes) return bytes.subarray(0, length);
    bytes.fill(0);
    return 'too large';
  });
}

function withOpenFile<T>(path: string, flags: number, use: (descriptor: number, stats: Stats) => T): T {
  const descriptor = openSync(path, O_RDONLY | O_NONBLOCK | flags);
  try {
    return use(descriptor, fstatSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/** At most `length` bytes from `position`. */
export function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
}
