import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as rest } from 'node:timers/promises';
import { describe, expect, type TestContext, test } from 'vitest';
import { encode } from '../../src/dht/bencode.ts';
import { getQuery } from '../../src/dht/krpc.ts';
import { BURST, PER_SECOND } from '../../src/dht/pace.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { type SimulatedNode, startNode } from '../support/simulated-node.ts';

const id = new Uint8Array(20).fill(1);
const query = getQuery(id, id);

/**
 * A client and a way to start nodes, all closed after the test. The tests run at once, as most of them wait.
 */
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
    const asked = await node(pong, { delayMs: 30 });
    expect(rpc.medianRoundTripMs()).toBeNull();
    expect(await rpc.request(asked, query)).toMatchObject({ kind: 'reply' });
    expect(rpc.medianRoundTripMs()).toBeGreaterThan(25);
    expect(rpc.medianRoundTripMs()).toBeLessThan(300);
  });

  test('lets a few quick answers not tell how long all others may take', async (context) => {
    const { rpc, node } = open(context);
    for (let i = 0; i < 7; i += 1) await rpc.request(await node(pong), query);
    expect(rpc.limits().holdMs).toBe(400);
    const eighth = await node(pong);
    await rpc.request(eighth, query);
    expect(rpc.limits().holdMs).toBe(80);
  });

  test('measures each place once, however often it answers, and waits for a second at the most', async (context) => {
    const { rpc, node } = open(context);
    const quick = await node(pong);
    for (let i = 0; i < 20; i += 1) await rpc.request(quick, query);
    expect(rpc.limits().holdMs).toBe(400);
    const slow = await Promise.all(Array.from({ length: 8 }, () => node(pong, { delayMs: 700 })));
    await Promise.all(slow.map((each) => rpc.request(each, query)));
    expect(rpc.limits().holdMs).toBe(1000);
  });

  test('gives a node 1.8 times the median round trip, however slow some are', async (context) => {
    const { rpc, node } = open(context);
    const delays = [150, 150, 150, 150, 150, 700, 700, 700, 700];
    const nodes = await Promise.all(delays.map((delayMs) => node(pong, { delayMs })));
    await Promise.all(nodes.map((each) => rpc.request(each, query)));
    const median = rpc.medianRoundTripMs() ?? 0;
    expect(median).toBeGreaterThan(140);
    expect(median).toBeLessThan(500);
    expect(rpc.limits().holdMs / median).toBeCloseTo(1.8);
  });

  test('uses a transaction id of 4 bytes that differs each time', async (context) => {
    const { rpc, node } = open(context);
    const asked = await node(pong);
    await Promise.all(Array.from({ length: 50 }, () => rpc.request(asked, query)));
    const ids = asked.queries.map(({ transaction }) => Buffer.from(transaction).toString('hex'));
    expect(new Set(ids).size).toBe(50);
    expect(ids.every((each) => each.length === 8)).toBe(true);
  });

  test('counts an answer that comes late but within 3 s', async (context) => {
    const { rpc, node } = open(context);
    const slow = await node(pong, { delayMs: 2500 });
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

describe.concurrent('what is no answer is dropped, and the answer taken that comes after it:', () => {
  const forgedId = Buffer.alloc(20, 0xee);
  const forged = (transaction: Uint8Array) => encode({ t: transaction, y: 'r', r: { id: forgedId } });
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  /** The id of the node that answered, as it claims, in hexadecimal. */
  const answeredBy = async (request: ReturnType<Rpc['request']>) => {
    const answer = await request;
    return typeof answer === 'object' && answer.kind === 'reply' ? hex(answer.id) : answer;
  };

  /** The node that is asked, another one on its host, and the query. */
  type Scene = { asked: SimulatedNode; stranger: SimulatedNode; arrived: Parameters<SimulatedNode['answer']>[0] };

  test.for<[string, (scene: Scene) => void]>([
    [
      'a reply from another port of the right host',
      ({ stranger, arrived: { transaction, from } }) => stranger.send(forged(transaction), from),
    ],
    [
      'a reply with another transaction id',
      ({ asked, arrived: { transaction, from } }) => asked.send(forged(transaction.map((byte) => byte ^ 1)), from),
    ],
    [
      'a reply with twice the transaction id',
      ({ asked, arrived: { transaction, from } }) =>
        asked.send(forged(Buffer.concat([transaction, transaction])), from),
    ],
    [
      'a reply with half of the transaction id',
      ({ asked, arrived: { transaction, from } }) => asked.send(forged(transaction.subarray(0, 2)), from),
    ],
    ['a reply that nobody asked for', ({ stranger, arrived: { from } }) => stranger.send(forged(randomBytes(4)), from)],
    [
      'half of a reply',
      ({ asked, arrived: { transaction, from } }) => asked.send(forged(transaction).subarray(0, 24), from),
    ],
    ['our own query, reflected', ({ asked, arrived: { transaction, from } }) => asked.send(query(transaction), from)],
  ])('%s', async ([, interfere], context) => {
    const { rpc, node } = open(context);
    const stranger = await node(() => null);
    const answer: SimulatedNode['answer'] = (arrived, asked) => {
      for (let times = 0; times < 3; times += 1) interfere({ asked, stranger, arrived });
      return { r: { id: asked.id } };
    };
    const asked = await node(answer, { delayMs: 30 });
    expect(await answeredBy(rpc.request(asked, query))).toBe(hex(asked.id));
    // Had those three counted, they would be the median.
    expect(rpc.medianRoundTripMs()).toBeGreaterThan(25);
  });

  // macOS has only one loopback address.
  test.skipIf(process.platform === 'darwin')('a reply from the right port of another host', async (context) => {
    const { rpc, node } = open(context);
    const stranger = createSocket('udp4');
    context.onTestFinished(() => void stranger.close());
    const answer: SimulatedNode['answer'] = ({ transaction, from }, { id }) => {
      stranger.send(forged(transaction), from.port, from.host);
      return { r: { id } };
    };
    const asked = await node(answer, { delayMs: 30 });
    stranger.bind(asked.port, '127.0.0.2');
    await once(stranger, 'listening');
    expect(await answeredBy(rpc.request(asked, query))).toBe(hex(asked.id));
  });

  test('a reply that comes after 3 s', async (context) => {
    const { rpc, node } = open(context);
    const answers = [
      { id: forgedId, delayMs: 3200 },
      { id, delayMs: 400 },
    ];
    const delayMs = () => answers[0]?.delayMs ?? null;
    const asked = await node(() => ({ r: { id: answers.shift()?.id ?? forgedId } }), { delayMs });
    expect(await rpc.request(asked, query)).toBe('silent');
    expect(await answeredBy(rpc.request(asked, query))).toBe(hex(id));
    expect(rpc.medianRoundTripMs()).toBeLessThan(2000);
  });

  test('a reply that comes again and again', async (context) => {
    const { rpc, node } = open(context);
    const delays = [0, 200];
    const answer: SimulatedNode['answer'] = ({ transaction, from }, self) => {
      const again = () => {
        for (let times = 0; times < 5; times += 1) self.send(encode({ t: transaction, y: 'r', r: { id } }), from);
      };
      if (self.queries.length === 1) setTimeout(again, 50);
      return { r: { id } };
    };
    const asked = await node(answer, { id, delayMs: () => delays.shift() ?? null });
    await Promise.all([rpc.request(asked, query), rpc.request(asked, query)]);
    // The upper of two round trips; of seven, it would be that of the repetitions.
    expect(rpc.medianRoundTripMs()).toBeGreaterThan(150);
  });
});

test.concurrent('at most 64 datagrams leave at once, and 200 a second after that, also after a rest', async (context) => {
  const { rpc, node } = open(context);
  const arrivals: number[] = [];
  const asked = await node((arrived, self) => {
    arrivals.push(performance.now());
    return pong(arrived, self);
  });
  for (const idle of [0, 1000]) {
    await rest(idle);
    arrivals.length = 0;
    const began = performance.now();
    await Promise.all(Array.from({ length: 264 }, () => rpc.request(asked, query)));
    const allowed = (at: number) => BURST + ((at - began) / 1000) * PER_SECOND;
    expect(arrivals).toHaveLength(264);
    expect(arrivals.filter((at, i) => i + 1 > allowed(at))).toEqual([]);
    expect(performance.now() - began).toBeLessThan(2500);
  }
});
