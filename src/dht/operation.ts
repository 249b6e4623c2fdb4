import { setMaxListeners } from 'node:events';
import { Failure } from '../failure.ts';
import type { Deadline } from './deadline.ts';

/**
 * An operation under way, and what may end it early: its deadline, its caller's signal, closing the client.
 */
export class Operation {
  private readonly controller = new AbortController();
  private readonly callerSignal: AbortSignal | undefined;
  private readonly stopDeadline: () => void;
  private isInterrupted = false;

  constructor(deadline: Deadline, callerSignal: AbortSignal | undefined) {
    this.callerSignal = callerSignal;
    this.stopDeadline = deadline.run(() => this.controller.abort());
    if (callerSignal === undefined) return;
    if (callerSignal.aborted) this.interrupt();
    setMaxListeners(0, callerSignal); // one signal may serve any number of operations
    callerSignal.addEventListener('abort', this.interrupt, { once: true });
  }

  /** Aborted when the operation must end. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  readonly interrupt = (): void => {
    this.isInterrupted = true;
    this.controller.abort();
  };

  throwIfInterrupted(): void {
    if (this.isInterrupted) throw new Failure('interrupted', 'The work with the network was interrupted.');
  }

  /** Ends it: its walks and puts stop. Requests that are already queued are still sent. */
  end(): void {
    this.stopDeadline();
    this.callerSignal?.removeEventListener('abort', this.interrupt);
    this.controller.abort();
  }
}
