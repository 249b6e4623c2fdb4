import { bootstrapNodes } from '../dht/bootstrap.ts';
import { type Dht, openDht, type Resolution } from '../dht/client.ts';
import { Deadline } from '../dht/deadline.ts';
import type { Context } from './context.ts';

/**
 * Runs `work` with a DHT client, closed afterwards, and with the time that all of it may take on the network.
 */
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

/**
 * Waits for what stands under the own key. Warns of two packets that contradict each other: readers refuse
 * both, and the next one that is published wins over both.
 */
export async function ownResolution({ output }: Context, resolution: Promise<Resolution>): Promise<Resolution> {
  const { conflict } = await output.progress('Asking the network …', resolution);
  if (conflict) {
    output.warn('there are two different packets with one number under your key: it was used on two machines at once.');
  }
  return resolution;
}
