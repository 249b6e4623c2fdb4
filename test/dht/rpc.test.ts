import { createSocket } from 'node:dgram';
import { describe, expect, type TestContext, test } from 'vitest';
import { encode } from '../../src/dht/bencode.ts';
import { getQuery } from '../../src/dht/krpc.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { type SimulatedNode, startNode } from '../support/simulated-node.ts';

const id = new Uint8Array(20).fill(1);
const query = getQuery(id, id);

/** A client and a way to start nodes, all of which are gone after the test: the tests run at once, as most of them wait. */
function open({ onTestFinished }: TestContext) {
  const rpc = new Rpc();
  onTestFinished(() => rpc.close());
  const node = async (...args: Parameters<typeof startNode>): Promise<SimulatedNode> => {
    const started = await startNode(...args);
    onTestFinished(() => started.close());
    return started;
  };
  return { rpc, node };
}

const pong: SimulatedNode['answer'] = (_, self) => ({ r: { id: self.id } });

describe.concurrent('request', () => {
  test('gives the answer of the node that was asked, and measures the round trip', async (context) => {
    const { rpc, node } = open(context);
    const asked = await node(pong, { delay: 30 });
    expect(rpc.medianRoundTrip()).toBeNull();
    expect(await rpc.request(asked, query)).toMatchObject({ kind: 'reply' });
    expect(rpc.medianRoundTrip()).toBeGreaterThan(25);
    expect(rpc.medianRoundTrip()).toBeLessThan(300);
  });

  test('uses a transaction id of 4 bytes that differs each time', async (context) => {
    const { rpc, node } = open(context);
    const asked = await node(pong);
    await Promise.all(Array.from({ length: 50 }, () => rpc.request(asked, query)));
    const ids = asked.queries.map(({ transaction }) => Buffer.from(transaction).toString('hex'));
    expect(new Set(ids).size).toBe(50);
    expect(ids.every((each) => each.length === 8)).toBe(true);
  });

  test('overlooks an answer from another port, and one with another transaction id', async (context) => {
    const { rpc, node } = open(context);
    const other = createSocket('udp4');
    context.onTestFinished(() => void other.close());
    const elsewhere = await node(pong, { from: other });
    const wrong = await node(() => ({ raw: encode({ t: 'abcd', y: 'r', r: { id } }) }));
    expect(await Promise.all([rpc.request(elsewhere, query), rpc.request(wrong, query)])).toEqual(['silent', 'silent']);
    expect(rpc.medianRoundTrip()).toBeNull();
  });

  test('counts an answer that comes late but within 3 s', async (context) => {
    const { rpc, node } = open(context);
    const slow = await node(pong, { delay: 2500 });
    expect(await rpc.request(slow, query)).toMatchObject({ kind: 'reply' });
  });

  test('gives up a silent node after 3 s', async (context) => {
    const { rpc, node } = open(context);
    const silent = await node(() => null);
    const began = performance.now();
    expect(await rpc.request(silent, query)).toBe('silent');
    expect(performance.now() - began).toBeGreaterThan(2900);
    expect(performance.now() - began).toBeLessThan(3500);
  });

  test('fails at once where nothing can be sent, and the next request works', async (context) => {
    const { rpc, node } = open(context);
    // The broadcast address needs a permission that the socket does not ask for.
    expect(await rpc.request({ host: '255.255.255.255', port: 6881 }, query)).toBe('unsent');
    expect(await rpc.request(await node(pong), query)).toMatchObject({ kind: 'reply' });
  });

  test('ends with the socket: what waits and what comes later is unsent', async (context) => {
    const { rpc, node } = open(context);
    const silent = await node(() => null);
    const waiting = rpc.request(silent, query);
    rpc.close();
    expect(await waiting).toBe('unsent');
    expect(await rpc.request(silent, query)).toBe('unsent');
  });

  test('keeps no more than a bounded number waiting', async (context) => {
    const { rpc, node } = open(context);
    const silent = await node(() => null);
    const all = Array.from({ length: 1100 }, () => rpc.request(silent, query));
    expect(await all.at(-1)).toBe('unsent');
    rpc.close();
    await Promise.all(all);
  });
});
