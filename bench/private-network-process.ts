import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const NETWORK = fileURLToPath(new URL('private-network-child.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

/** A private DHT of 20 nodes in a process of its own, so that it takes nothing of the event loop that is measured. */
export interface NetworkProcess {
  /** Replaces the network by a new one, in which nobody has left a trace. Resolves to its CCLINK_BOOTSTRAP. */
  renew(): Promise<string>;
  close(): Promise<void>;
}

export function startNetworkProcess(): NetworkProcess {
  const child = spawn(process.execPath, ['--import', TSX, NETWORK], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async renew() {
      child.stdin.write('\n');
      const { value, done } = await lines.next();
      if (done) throw new Error('the private network ended');
      return value;
    },
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}
