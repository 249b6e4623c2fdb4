import { expect, it } from 'vitest';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { EMPTY_PACKET, encodePacket } from '../../src/dht/dns-packet.ts';
import { getQuery, keyOf, putQuery } from '../../src/dht/krpc.ts';
import { type MutableItem, signItem, target } from '../../src/dht/mutable-item.ts';
import { startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { History } from '../../src/handoff/history.ts';
import { type Handoff, publish } from '../../src/handoff/publish.ts';
import { revoke } from '../../src/handoff/revoke.ts';
import { identityOf } from '../../src/identity/unlock.ts';
import { destroy, get, openPlainDht } from '../support/plain-dht.ts';
import { byDistance } from '../support/simulated-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { missingToBuild } from './build-programs.ts';
import { networkOf } from './networks.ts';
import { describePeer } from './peer-programs.ts';

const TRIES = 200;
const AT_ONCE = 4;
const OLD = 1_700_000_000_000_000;
const HANDOFF: Handoff = {
  audience: { mode: 'self' },
  burn: false,
  ttl: 3600,
  payload: { host: 'laptop', project: '/home/alice/proj', session: '11111111-1111-4111-8111-111111111111' },
};

/** A network of foreign nodes, and a reader of the same library that stops at the first value. */
interface Readers {
  readonly nodes: readonly string[];
  /** The `seq` found by a new reader that knows only this node; null if it finds nothing. */
  read(publicKey: Uint8Array, from: string): Promise<number | null>;
  close(): Promise<void>;
}

async function ofMainline(): Promise<Readers> {
  const { nodes, mainline, close } = await networkOf('mainline', 40);
  const read = async (publicKey: Uint8Array, from: string) => (await mainline?.get(publicKey, from))?.seq || null;
  return { nodes, read, close };
}

async function ofBittorrentDht(): Promise<Readers> {
  const { addresses: nodes, close } = await startPrivateNetwork({ nodes: 40 });
  const read = async (publicKey: Uint8Array, from: string) => {
    const reader = openPlainDht(from);
    const seq = await get(reader, publicKey);
    await destroy(reader);
    return seq;
  };
  return { nodes, read, close };
}

/** Puts an item on the 20 nodes closest to its key, and nowhere else. */
async function holdOnClosest(nodes: readonly string[], item: MutableItem): Promise<void> {
  const rpc = new Rpc();
  const keyTarget = target(item.publicKey);
  const id = keyTarget.map((byte) => byte ^ 0xff);
  const replies = await Promise.all(
    parseBootstrap(nodes.join(',')).map(async (address) => {
      const reply = await rpc.request(address, getQuery(id, keyTarget));
      if (typeof reply === 'string' || reply.kind === 'error') throw new Error(`${keyOf(address)} did not answer`);
      return { ...address, id: reply.id, token: reply.token ?? new Uint8Array() };
    }),
  );
  const puts = byDistance(replies, keyTarget)
    .slice(0, 20)
    .map((node) => rpc.request(node, putQuery(id, item, node.token, null)));
  await Promise.all(puts);
  rpc.close();
}

for (const [name, missing, start, triesANetwork, least] of [
  ['get_mutable of Rust mainline', missingToBuild('mainline'), ofMainline, TRIES, TRIES],
  // Its nodes add every reader to their tables: readers that are gone slow down later look-ups, until they
  // fail. And its nodes name 8 nodes where mainline's name 20: in 1 or 2 of 200 publishes, nobody names one
  // of the 20 closest, and it is missed.
  ['get of bittorrent-dht', [], ofBittorrentDht, 2 * AT_ONCE, TRIES - 3],
] as const) {
  describePeer(name, missing, () => {
    it(`beginning at any node, sees what replaced an older packet, and then what took it back: ${least} of ${TRIES}`, async () => {
      const seen: Record<string, number> = {};
      for (let done = 0; done < TRIES; done += triesANetwork) {
        const readers = await start();
        for (let i = done; i < Math.min(done + triesANetwork, TRIES); i += AT_ONCE) {
          const tries = Array.from({ length: AT_ONCE }, (_, j) => tryWith(readers, i + j));
          for (const what of (await Promise.all(tries)).flat()) seen[what] = (seen[what] ?? 0) + 1;
        }
        await readers.close();
      }
      expect(seen['published: the newest']).toBeGreaterThanOrEqual(least);
      expect(seen['taken back: the newest']).toBeGreaterThanOrEqual(least);
    }, 240_000);
  });
}

/** Publishes over an old packet, then revokes. Returns what a reader sees after each. */
async function tryWith({ nodes, read }: Readers, i: number): Promise<string[]> {
  const identity = identityOf(Buffer.alloc(32, `first value ${i}`));
  const { publicKey, seed } = identity;
  const options = { now: Date.now, history: new History(temporaryFolder()) };
  const from = nodes[(i * 17 + 5) % nodes.length] ?? '';
  /** A client for one piece of work, as each command has: how much a client sends in a second is limited. */
  const withClient = async <T>(work: (dht: Dht) => Promise<T>): Promise<T> => {
    const dht = openDht({ bootstrap: parseBootstrap(nodes.slice(0, 3).join(',')) });
    try {
      return await work(dht);
    } finally {
      dht.close();
    }
  };
  await holdOnClosest(nodes, signItem(seed, publicKey, OLD, encodePacket(EMPTY_PACKET)));
  const { seq, record } = await withClient(async (dht) => {
    const published = await publish(dht, identity, HANDOFF, options);
    await published.settled;
    return published;
  });
  const sees = async (newest: number | undefined) => {
    const found = await read(publicKey, from);
    return found === newest ? 'the newest' : found === null ? 'nothing' : 'an older one';
  };
  const published = await sees(seq);
  await withClient((dht) => revoke(dht, identity, record.text, options));
  const left = (await withClient((dht) => dht.resolve(publicKey))).newest;
  return [`published: ${published}`, `taken back: ${await sees(left?.seq)}`];
}
