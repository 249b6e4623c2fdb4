import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Address } from '../../src/dht/krpc.ts';
import type { Work } from './client-child.ts';

const PROGRAM = fileURLToPath(new URL('client-child.ts', import.meta.url));

/** A client of the DHT in a process of its own. Each call rejects if the process ends. */
export type ClientProcess = Work & { close(): void };

export function startClientProcess(bootstrap: readonly Address[]): ClientProcess {
  const addresses = JSON.stringify(bootstrap.map(({ host, port }) => ({ host, port })));
  const execArgv = ['--import', import.meta.resolve('tsx'), '--expose-gc'];
  const child = fork(PROGRAM, [addresses], { execArgv, serialization: 'advanced' });
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`the client ended: ${code ?? signal}`)));
  });
  ended.catch(() => {});
  /** One at a time: each is answered before the next is sent. */
  const call =
    (does: keyof Work) =>
    (...args: unknown[]) => {
      const answered = new Promise<unknown>((resolve) => {
        child.once('message', (message: { result: unknown }) => resolve(message.result));
      });
      child.send({ does, args }, () => {});
      return Promise.race([answered, ended]);
    };
  return {
    resolve: call('resolve') as Work['resolve'],
    update: call('update') as Work['update'],
    arrived: call('arrived') as Work['arrived'],
    read: call('read') as Work['read'],
    memory: call('memory') as Work['memory'],
    close: () => child.kill(),
  };
}
