import { setMaxListeners } from 'node:events';
import { Failure } from '../failure.ts';
import type { Deadline } from './deadline.ts';

/** An operation under way, and everything that may end it early: its deadline, its caller's signal, the end of the client. */
export class Operation {
  private readonly controller = new AbortController();
  private readonly callers: AbortSignal | undefined;
  private readonly stopDeadline: () => void;
  private isInterrupted = false;

  constructor(deadline: Deadline, callers: AbortSignal | undefined) {
    this.callers = callers;
    this.stopDeadline = deadline.run(() => this.controller.abort());
    if (callers === undefined) return;
    if (callers.aborted) this.interrupt();
    setMaxListeners(0, callers); // one signal may be meant for any number of operations
    callers.addEventListener('abort', this.interrupt, { once: true });
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

  /** Ends it: its walks and puts stop, whose requests that wait for their turn are still sent. */
  end(): void {
    this.stopDeadline();
    this.callers?.removeEventListener('abort', this.interrupt);
    this.controller.abort();
  }
}
