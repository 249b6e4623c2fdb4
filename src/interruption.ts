import { Failure } from './failure.ts';

/** How things stand if a signal ends the process now: the innermost work comes last. */
const standing: Failure[] = [];

/**
 * Waits for `work`. If Ctrl-C ends the process meanwhile, the user is told `message`: what has happened by
 * then, and in `hint` what to do next.
 */
export async function interruptible<T>(message: string, hint: string | undefined, work: Promise<T>): Promise<T> {
  const failure = new Failure('interrupted', message, hint);
  standing.push(failure);
  try {
    return await work;
  } finally {
    standing.splice(standing.indexOf(failure), 1);
  }
}

/** What the user is told if Ctrl-C ends the process now. */
export function interruption(): Failure {
  return standing.at(-1) ?? new Failure('interrupted', 'Interrupted.');
}
