import { Failure } from './failure.ts';

const TRY_AGAIN = 'Close other programs, or raise the limit (ulimit), and try again.';
const EXHAUSTED: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  ENOMEM: ['There is not enough memory for this.', TRY_AGAIN],
  EMFILE: ['cclink may not open any more files here.', TRY_AGAIN],
  ENFILE: ['No more files can be opened on this machine.', TRY_AGAIN],
  EAGAIN: ['No more processes can be started here.', TRY_AGAIN],
  ENOBUFS: ['The network of this machine has no room left for packets.', TRY_AGAIN],
  ENOSPC: ['A disk is full.', 'Make room and try again.'],
  EDQUOT: ['Your disk quota is used up.', 'Make room and try again.'],
  EROFS: ['A disk is read-only.', 'Make it writable and try again.'],
};

/** There is not enough memory for what was asked. */
export function outOfMemory(cause: unknown): Failure {
  const [message, hint] = EXHAUSTED['ENOMEM'] ?? ['', ''];
  return new Failure('refused', message, hint, { cause });
}

/**
 * An error that says what this system has none left of, or that the directory we stand in is gone, in the
 * user's words: neither is a defect of ours. Null for any other error.
 */
export function systemFailure(error: unknown): Failure | null {
  if (!(error instanceof Error)) return null;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'uv_cwd') {
    return new Failure('usage', 'The directory that you are in was deleted.', 'Change into another, and try again.', {
      cause: error,
    });
  }
  const [message, hint] = EXHAUSTED[code ?? ''] ?? [];
  if (message !== undefined) return new Failure('refused', message, hint, { cause: error });
  // V8 gives these no code.
  return /out of memory|could not allocate|allocation failed/i.test(error.message) ? outOfMemory(error) : null;
}
