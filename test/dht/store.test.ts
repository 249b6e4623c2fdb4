import { afterEach, describe, expect, test } from 'vitest';
import { type Dht, openDht } from '../../src/dht/client.ts';
import type { NodeAddress } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { store } from '../../src/dht/store.ts';
import { startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, carrying, compact, type SimulatedNode, startNode } from '../support/simulated-node.ts';
import { testKey } from '../support/test-key.ts';

const { publicKey, place, item } = testKey(7);
const text = (packet: MutableItem | null) => packet && Buffer.from(packet.value).toString();

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

/** Honest nodes, the closest to the key first. */
async function nodes(live: number): Promise<SimulatedNode[]> {
  const network = await startSimulatedNetwork({ live });
  closing.push(network);
  return byDistance(network.live, place);
}

function client(bootstrap: readonly NodeAddress[]): Dht {
  const dht = openDht({ bootstrap, timeoutMs: 15_000 });
  closing.push(dht);
  return dht;
}

/** Has a node answer each put with this. */
function answerPuts(node: SimulatedNode, said: SimulatedNode['answer']): void {
  const { answer } = node;
  node.answer = (query, self) => (query.name === 'put' ? said : answer)(query, self);
}

describe('a packet is held', () => {
  test.each([
    [301, 'CAS mismatch'],
    [302, 'sequence number less than current'],
  ])('by nodes that refuse it as not newer (%i), and give it back', async (code, message) => {
    const all = await nodes(8);
    for (const each of all) {
      each.held = item(5);
      answerPuts(each, () => ({ e: [code, message] }));
    }
    const kept = await client(all).update(publicKey, (newest) => newest);
    expect(kept).toMatchObject({ item: { seq: 5 }, nodes: 8 });
  });

  test('by a node that is late with its answer to the put, where fewer than 3 others hold it', async () => {
    const rpc = new Rpc();
    closing.push(rpc);
    const token = Buffer.from('token');
    const takes: SimulatedNode['answer'] = ({ name }, { id }) => ({
      r: name === 'put' ? { id } : { id, token, ...carrying(item(5)) },
    });
    // Nobody waits longer than 0.8 s for a put as long as no round trip is known. Only the first answer is late.
    const delays = [1300];
    const late = await startNode(takes, { delay: () => delays.shift() ?? 0 });
    const all = [late, await startNode(takes), await startNode(takes)];
    closing.push(...all);
    const known = all.map(({ id, host, port }) => ({ id, host, port, token, seq: null }));
    const { signal } = new AbortController();
    expect(await store(rpc, new Uint8Array(20), item(5), -1, known, signal)).toMatchObject({ holders: 3, tried: 3 });
  });
});

describe('somebody else’s packet is built upon', () => {
  test('at once where it came after the resolution that the update began with, 2 s ago', async () => {
    const all = await nodes(12);
    const dht = client(all);
    const resolution = await dht.resolve(publicKey);
    for (const each of all) each.held = item(100, 'theirs');
    const seen: (string | null)[] = [];
    const from = { ...resolution, at: performance.now() - 2000 };
    const published = await dht.update(
      publicKey,
      (newest) => {
        seen.push(text(newest));
        return item((newest?.seq ?? 0) + 1, 'ours');
      },
      { from },
    );
    expect(seen).toEqual(['theirs']);
    expect(published.item?.seq).toBe(101);
  });

  test('where only a node holds it that takes no put, and too few of the others keep ours', async () => {
    const all = await nodes(12);
    for (const forgetful of all.slice(1, 8)) answerPuts(forgetful, (_, { id }) => ({ r: { id } }));
    const seen: (string | null)[] = [];
    const [closest] = all as [SimulatedNode];
    closest.answer = (_, { id, held }) => ({ r: { id, ...(held ? carrying(held) : { nodes: compact(all) }) } });
    const published = await client(all).update(publicKey, (newest) => {
      seen.push(text(newest));
      // It comes after the first walk, and no put leads to it: the second, wider walk alone does.
      closest.held = item(100, 'theirs');
      return item((newest?.seq ?? 0) + 1, 'ours');
    });
    expect(seen).toEqual([null, 'theirs']);
    expect(published).toMatchObject({ item: { seq: 101 }, nodes: 4 });
  });
});
