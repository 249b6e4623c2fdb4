import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { publicKeyOf } from '../src/crypto/ed25519.ts';
import { parseBootstrap } from '../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../src/dht/client.ts';
import { type MutableItem, signItem } from '../src/dht/mutable-item.ts';
import { Machine } from '../test/support/machine.ts';
import { destroy, get, openPlainDht, plainClientArgs, put, ready } from '../test/support/plain-dht.ts';
import { startWorkingChild } from '../test/support/working-child.ts';
import { bundled } from './bundle.ts';
import { interleave, median, run, timed } from './measure.ts';
import type { PrivateNetworkProcess, PrivateNetworkWork } from './private-network-child.ts';
import type { Report } from './report.ts';

const PROGRAM = fileURLToPath(new URL('../bin/cclink.cjs', import.meta.url));
const ROUNDS = 12;
/** The typical size of a packet with a handoff. */
const VALUE_BYTES = 700;

/**
 * Publishing and looking up on a private network against bittorrent-dht with its defaults: single calls, and
 * whole programs.
 */
export async function privateNetwork(report: Report): Promise<void> {
  const process = startWorkingChild<PrivateNetworkWork>(new URL('private-network-child.ts', import.meta.url));
  try {
    await calls(report, process);
    await wholePrograms(report, process);
  } finally {
    process.close();
  }
}

/** A packet under a new key. */
function newItem(): MutableItem {
  const seed = randomBytes(32);
  return signItem(seed, publicKeyOf(seed), Date.now() * 1000, randomBytes(VALUE_BYTES));
}

const openOurs = (bootstrap: string): Dht => openDht({ bootstrap: parseBootstrap(bootstrap) });

/** Puts a packet with our client, which leaves no trace in the nodes' routing tables (BEP 43). */
async function publishOurs(bootstrap: string, item: MutableItem): Promise<number> {
  const dht = openOurs(bootstrap);
  try {
    return (await dht.put(item)).holders;
  } finally {
    dht.close();
  }
}

function mustFind(seq: number | null | undefined, item: MutableItem): void {
  if (seq !== item.seq) throw new Error('the packet was not found');
}

async function calls(report: Report, network: PrivateNetworkProcess): Promise<void> {
  const holders = { ours: [] as number[], plain: [] as number[] };
  const samples = await interleave(ROUNDS, {
    update: async () => {
      const [bootstrap, item] = [await network.ask('renew'), newItem()];
      return timed(async () => holders.ours.push(await publishOurs(bootstrap, item)));
    },
    put: async () => {
      const [bootstrap, item] = [await network.ask('renew'), newItem()];
      const start = performance.now();
      const dht = openPlainDht(bootstrap);
      holders.plain.push(await put(dht, item));
      const milliseconds = performance.now() - start;
      await destroy(dht);
      return milliseconds;
    },
    resolve: async () => {
      const [bootstrap, item] = [await network.ask('renew'), newItem()];
      await publishOurs(bootstrap, item);
      const start = performance.now();
      const dht = openOurs(bootstrap);
      mustFind((await dht.resolve(item.publicKey)).newest?.seq, item);
      const milliseconds = performance.now() - start;
      dht.close();
      return milliseconds;
    },
    get: async () => {
      const [bootstrap, item] = [await network.ask('renew'), newItem()];
      await publishOurs(bootstrap, item);
      const start = performance.now();
      const dht = openPlainDht(bootstrap);
      mustFind(await get(dht, item.publicKey), item);
      const milliseconds = performance.now() - start;
      await destroy(dht);
      return milliseconds;
    },
    readyGet: async () => {
      const [bootstrap, item] = [await network.ask('renew'), newItem()];
      await publishOurs(bootstrap, item);
      const dht = openPlainDht(bootstrap);
      await ready(dht);
      const milliseconds = await timed(async () => mustFind(await get(dht, item.publicKey), item));
      await destroy(dht);
      return milliseconds;
    },
  });
  report.section(
    'Publish and pickup on a private network of 20 nodes against bittorrent-dht as it comes: the calls',
    `${ROUNDS} rounds by turns, each call on a new network, from opening a client to its result. The network is a process of its own.`,
    'No limit is set: all nodes live and answer at once here, so that this is the work of the processor alone.',
    'Ours walks, puts, and reads back from 8 nodes; `put` counts acknowledgements, and reads nothing back.',
  );
  const nodes = (counts: readonly number[]) => `${median(counts)} nodes hold it`;
  report.table('ms', [
    { name: 'bittorrent-dht put', samples: samples.put, note: nodes(holders.plain).replace('hold', 'took') },
    {
      name: 'Dht.put',
      samples: samples.update,
      against: 'bittorrent-dht put',
      note: nodes(holders.ours),
    },
    { name: 'bittorrent-dht get', samples: samples.get, note: 'ends early where a bootstrap node holds a value' },
    { name: 'bittorrent-dht get, once ready', samples: samples.readyGet, note: 'its start-up not counted' },
    { name: 'Dht.resolve', samples: samples.resolve, against: 'bittorrent-dht get', note: 'walks to the 8 closest' },
  ]);
}

async function wholePrograms(report: Report, network: PrivateNetworkProcess): Promise<void> {
  const plainClient = await bundled(new URL('plain-client.ts', import.meta.url));
  const machine = new Machine('bench', await network.ask('renew'));
  try {
    machine.addSession();
    await machine.init();
    const cclink = async (...args: string[]) => {
      const { project: cwd, env } = machine;
      return (await run({ file: process.execPath, args: [PROGRAM, ...args], cwd, env })).milliseconds;
    };
    const plain = async (does: 'put' | 'get', bootstrap: string, item: MutableItem) => {
      const args = [plainClient.path, ...plainClientArgs('as-it-comes', does, bootstrap, item)];
      return (await run({ file: process.execPath, args, env: machine.env })).milliseconds;
    };
    const renewed = async () => {
      const bootstrap = await network.ask('renew');
      machine.env = { ...machine.env, CCLINK_BOOTSTRAP: bootstrap };
      return bootstrap;
    };
    const samples = await interleave(ROUNDS, {
      publish: async () => {
        await renewed();
        return cclink('publish', '--yes');
      },
      put: async () => plain('put', await renewed(), newItem()),
      show: async () => {
        await renewed();
        await cclink('publish', '--yes');
        return cclink('show');
      },
      pickup: async () => {
        await renewed();
        await cclink('publish', '--yes');
        return cclink('pickup', '--yes', '--no-run');
      },
      get: async () => {
        const [bootstrap, item] = [await renewed(), newItem()];
        await publishOurs(bootstrap, item);
        return plain('get', bootstrap, item);
      },
    });
    report.section(
      'The same, as whole programs',
      `${ROUNDS} rounds by turns, from spawn to exit. The plain client is bundled too, and exits with its callback.`,
    );
    report.table('ms', [
      { name: 'bittorrent-dht put', samples: samples.put },
      { name: 'cclink publish --yes', samples: samples.publish, against: 'bittorrent-dht put' },
      { name: 'bittorrent-dht get', samples: samples.get },
      { name: 'cclink show', samples: samples.show, against: 'bittorrent-dht get' },
      { name: 'cclink pickup --yes --no-run', samples: samples.pickup, against: 'bittorrent-dht get' },
    ]);
  } finally {
    machine.remove();
    plainClient.remove();
  }
}
