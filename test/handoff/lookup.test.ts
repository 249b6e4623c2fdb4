import { afterEach, describe, expect, it } from 'vitest';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { EMPTY_PACKET, encodePacket } from '../../src/dht/dns-packet.ts';
import { type MutableItem, signItem } from '../../src/dht/mutable-item.ts';
import { beginSearch } from '../../src/handoff/lookup.ts';
import { type SignedRecord, signRecord } from '../../src/handoff/record.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { identityOf } from '../../src/identity/unlock.ts';
import { honest, type SimulatedNode, startNode } from '../support/simulated-node.ts';

const NOW = 1_790_000_000n;
const { publicKey, seed } = identityOf(new Uint8Array(32).fill(1));

function recordAt(createdAt: bigint): SignedRecord {
  const defaults = { burn: false, hostname: '', pinSalt: null, project: '', recipient: null };
  return signRecord({ ...defaults, blob: new Uint8Array(), createdAt, publicKey, ttl: 60n }, seed);
}

function packetOf(seq: number, text: string | null): MutableItem {
  const packet = text === null ? EMPTY_PACKET : HANDOFF_TXT.write(EMPTY_PACKET, encodePublicKey(publicKey), text);
  return signItem(seed, publicKey, seq, encodePacket(packet));
}

const closing: (SimulatedNode | Dht)[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

/**
 * A client that knows one node for each item, which holds it and answers after the delay (ms) at the same
 * index.
 */
async function clientOf(items: readonly (MutableItem | null)[], delays: readonly number[]): Promise<Dht> {
  const nodes: SimulatedNode[] = [];
  for (const [i, item] of items.entries()) {
    const node = await startNode(
      honest(() => []),
      { delayMs: delays[i] ?? 0 },
    );
    node.held = item;
    nodes.push(node);
  }
  const bootstrap = parseBootstrap(nodes.map(({ host, port }) => `${host}:${port}`).join(','));
  const dht = openDht({ bootstrap });
  closing.push(...nodes, dht);
  return dht;
}

describe('a search', () => {
  it('gives the first handoff before the newest is known', async () => {
    const [old, next] = [recordAt(NOW), recordAt(NOW + 1n)];
    const dht = await clientOf([packetOf(1, old.text), packetOf(2, next.text)], [0, 300]);
    const { first, newest } = beginSearch(dht, publicKey, NOW);
    expect(await Promise.race([first, newest])).toMatchObject({ record: { text: old.text }, seq: 1 });
    expect(await newest).toMatchObject({ record: { text: next.text }, seq: 2 });
  });

  it.each([
    ['is over', recordAt(NOW - 60n).text],
    ['is from the future', recordAt(NOW + 301n).text],
    ['is malformed', '{}'],
    ['was taken back', null],
  ])('gives no first one where that %s', async (_what, text) => {
    const record = recordAt(NOW);
    const dht = await clientOf([packetOf(1, text), packetOf(2, record.text)], [0, 100]);
    const { first, newest } = beginSearch(dht, publicKey, NOW);
    expect(await Promise.race([first, newest])).toBeNull();
    expect((await newest).record?.text).toBe(record.text);
  });

  it('gives no first one where there is none at all', async () => {
    const { first, newest } = beginSearch(await clientOf([null], []), publicKey, NOW);
    expect([await first, (await newest).record]).toEqual([null, null]);
  });

  it('leaves nothing behind where the client is closed and nobody waits any more', async () => {
    const dht = await clientOf([null], [300]);
    const { first } = beginSearch(dht, publicKey, NOW);
    dht.close();
    expect(await first).toBeNull(); // and vitest fails if a rejection is not handled
  });
});
