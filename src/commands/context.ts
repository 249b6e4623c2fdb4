import { bootstrapNodes } from '../dht/bootstrap.ts';
import { type Dht, openDht } from '../dht/client.ts';
import { Deadline } from '../dht/deadline.ts';
import type { Environment } from '../environment.ts';
import type { Output } from '../terminal/output.ts';
import type { Questions } from '../terminal/questions.ts';

/** What every command is given: its surroundings, a way to speak, a way to ask. */
export interface Context {
  readonly environment: Environment;
  readonly output: Output;
  readonly questions: Questions;
  /** `--yes`: questions of convenience are answered with yes. */
  readonly yes: boolean;
  /** The most time for the network, in milliseconds. */
  readonly timeoutMs: number;
}

/** Runs `work` with a DHT client of its own, which is closed afterwards, and the time that all of it may take on the network. */
export async function withDht<T>(context: Context, work: (dht: Dht, deadline: Deadline) => Promise<T>): Promise<T> {
  const { environment, output, timeoutMs } = context;
  const bootstrap = bootstrapNodes(environment.bootstrap);
  const dht = openDht({ bootstrap, cacheFolder: environment.cacheFolder, trace: output.trace });
  try {
    return await work(dht, new Deadline(timeoutMs));
  } finally {
    dht.close();
  }
}

/** The clock, in Unix seconds. */
export const unixNow = (): bigint => BigInt(Math.floor(Date.now() / 1000));
