import { Failure } from '../failure.ts';

const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOSPC: ['the disk is full', 'Make room on that disk and try again.'],
  EDQUOT: ['your disk quota is used up', 'Make room and try again.'],
  EROFS: ['it is on a read-only disk', 'Make that disk writable, or choose another place.'],
  EACCES: ['permission denied', 'Check who owns it and what its permissions are (`ls -la`).'],
  EPERM: ['it is not permitted', 'Check who owns it and what its permissions are (`ls -la`).'],
  ENOENT: ['its folder does not exist', 'Create the folder and try again.'],
  ENOTDIR: ['a part of its path is a file, not a folder', 'Check the path.'],
  EEXIST: ['a file stands there, in place of a folder', 'Move the file away, or choose another path.'],
  EISDIR: ['a folder stands there', 'Move the folder away, or choose another path.'],
  EMFILE: ['no more files may be opened', 'Raise the limit (ulimit -n), and try again.'],
  ENFILE: ['no more files can be opened on this machine', 'Close other programs, and try again.'],
  EFBIG: ['files may not get that large here', 'Raise the limit (ulimit -f), and try again.'],
  EIO: ['its disk fails', 'Check that disk, and that what matters on it is kept elsewhere too.'],
  ENAMETOOLONG: ['its name is too long', 'Choose a shorter path.'],
  ELOOP: ['its symbolic links lead in a circle', 'Check the path with `ls -la`.'],
};

/**
 * A system error in the user's words, as `refused`: the operating system refused a valid request, and the
 * user can fix that. So it is neither bad input (`usage`) nor a bug of ours (`internal`). Other errors are
 * returned as they are.
 */
export function fileFailure(action: 'read' | 'write' | 'create', path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined) return error;
  const [reason, hint] =
    action === 'read' && code === 'ENOENT'
      ? ['there is no such file', 'Check the path.']
      : (REASONS[code] ?? [code, 'Check the path and its disk.']);
  return new Failure('refused', `Cannot ${action} ${path}: ${reason}.`, hint, { cause: error });
}

/** What `work` returns. A system error of it is thrown as the failure to write `path`. */
export function whileWriting<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileFailure('write', path, error);
  }
}

/** The code of a system error (`ENOENT`), undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
