import { type MutableItem, target } from '../src/dht/mutable-item.ts';
import { plainClientArgs } from '../test/support/plain-dht.ts';
import { bundled } from './bundle.ts';
import { run } from './measure.ts';
import type { Report } from './report.ts';
import type { SimulatedNetworkProcess } from './simulated-network-child.ts';

const PER_SECOND = 50_000;
const SECONDS = 5;

/** Noise at our client, which keeps resolving, and at a client of bittorrent-dht, which gets one item. */
export async function noise(
  report: Report,
  simulated: SimulatedNetworkProcess,
  bootstrap: string,
  item: MutableItem,
): Promise<void> {
  const ours = await bundled(new URL('noise-client.ts', import.meta.url));
  const plain = await bundled(new URL('plain-client.ts', import.meta.url));
  const key = Buffer.from(item.publicKey).toString('hex');
  const client = async (path: string, args: string[]) => {
    await simulated.ask('clear');
    await simulated.ask('hold', target(item.publicKey), Array(8).fill(item));
    // Starts with the client's first query.
    const sent = simulated.ask('flood', PER_SECOND, SECONDS);
    const ran = await run({
      file: process.execPath,
      args: ['--max-old-space-size=256', path, ...args],
      env: {},
      timeout: 20_000,
    }).catch((error: Error) => error);
    return { sent: await sent, ran };
  };
  report.section(`${PER_SECOND} datagrams a second of noise for ${SECONDS} s at a client that resolves`);
  try {
    const theirs = await client(plain.path, plainClientArgs('as-it-comes', 'get', bootstrap, item));
    report.note(`bittorrent-dht as it comes: ${endOf(theirs.ran)}`);
    const { sent, ran } = await client(ours.path, [bootstrap, key, String(item.seq), String(SECONDS)]);
    const rate = `${Math.round(sent / SECONDS)} a second were sent`;
    if (ran instanceof Error) return report.check(`cclink: no crash (${rate}): ${ran.message}`, false);
    const { resolves, right, grown } = JSON.parse(ran.stdout) as { resolves: number; right: number; grown: number };
    report.check(`cclink: no crash; ${rate}`, sent >= 0.95 * PER_SECOND * SECONDS);
    report.check(`cclink: ${right} of ${resolves} resolves right`, right === resolves);
    report.check(`cclink: memory grew by ${grown.toFixed(0)} MB (limit 30)`, grown < 30);
  } finally {
    ours.remove();
    plain.remove();
  }
}

function endOf(ran: Error | { stdout: string }): string {
  if (!(ran instanceof Error)) return `found ${ran.stdout.trim()}`;
  return ran.message.includes('heap out of memory')
    ? 'died, its memory (256 MB) full'
    : 'died, or was killed after 20 s';
}
