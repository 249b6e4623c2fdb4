import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Work } from './simulated-network-child.ts';

const PROGRAM = fileURLToPath(new URL('simulated-network-child.ts', import.meta.url));

/** A simulated network in a process of its own, so that it takes nothing of the event loop that is measured. */
export type SimulatedNetworkProcess = Work & { close(): void };

export function startSimulatedNetworkProcess(): SimulatedNetworkProcess {
  const child = fork(PROGRAM, { execArgv: ['--import', import.meta.resolve('tsx')], serialization: 'advanced' });
  /** One at a time: each is answered before the next is sent. */
  const call =
    (does: keyof Work) =>
    async (...args: unknown[]) => {
      child.send({ does, args });
      const [{ result }] = await once(child, 'message');
      return result;
    };
  return {
    start: call('start') as Work['start'],
    clear: call('clear') as Work['clear'],
    hold: call('hold') as Work['hold'],
    spoil: call('spoil') as Work['spoil'],
    flood: call('flood') as Work['flood'],
    queries: call('queries') as Work['queries'],
    close: () => child.disconnect(),
  };
}
