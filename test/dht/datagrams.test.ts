import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { encode } from '../../src/dht/bencode.ts';
import { parseAnswer } from '../../src/dht/krpc.ts';
import type { MutableItem } from '../../src/dht/mutable-item.ts';
import { arbitraryDatagrams, type Make } from '../support/arbitrary-datagrams.ts';
import type { ClientWork } from '../support/client-child.ts';
import { startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, carrying, type SimulatedNode, startNode } from '../support/simulated-node.ts';
import { testKey } from '../support/test-key.ts';
import { startWorkingChild } from '../support/working-child.ts';

/** Set CCLINK_TEST_SEED to make the datagrams of an earlier run again. */
const SEED = Number(process.env['CCLINK_TEST_SEED'] ?? randomInt(2 ** 31));
const COUNT = process.env['CI'] === undefined ? 10_000 : 100_000;
/** How many are made at once, about as many as a look-up takes, and how many of them surround each answer. */
const MADE = 2000;
const AROUND = 100;
/** By how much a client's memory may grow meanwhile, in bytes: 10,000 datagrams are three times as much. */
const KEPT = 1_000_000;

const { publicKey, target, item } = testKey(7);
const OLD = item(10, 'old');
const CURRENT = item(20, 'current');
const NEW = item(30, 'new');
/** For datagrams that must not count: it would be the newest. */
const BAIT = item(99, 'bait');

const text = (one: MutableItem | null) => one && `${one.seq} ${Buffer.from(one.value)}`;

/** A datagram that the queried node sends before or after its answer, or that a stranger sends before it. */
interface Thrown {
  readonly who: 'before' | 'after' | 'stranger';
  readonly make: Make;
}

const thrown = fc.record<Thrown>({
  who: fc.constantFrom('before', 'before', 'before', 'after', 'stranger'),
  make: arbitraryDatagrams(publicKey),
});

/** The datagrams to throw next, and how many were thrown. */
class Store {
  thrown = 0;
  private fills = 0;
  private readonly waiting: Thrown[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();

  /** Makes datagrams for the next look-up beforehand, as it takes time. */
  fill(): void {
    if (this.waiting.length > MADE / 2) return;
    this.waiting.push(...fc.sample(thrown, { seed: SEED + this.fills, numRuns: MADE }));
    this.fills += 1;
  }

  take(): Thrown[] {
    return this.waiting.splice(0, AROUND);
  }

  /** Does something once the answer to a query has left. */
  later(work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, 10);
    this.timers.add(timer);
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }
}

/** False if this datagram, taken for an answer, would make a client query nodes on other machines. */
function staysHere(datagram: Uint8Array): boolean {
  try {
    const answer = parseAnswer(datagram);
    return answer?.kind !== 'reply' || answer.nodes.every(({ host }) => host.startsWith('127.'));
  } catch {
    // It is the client that has to cope with this one.
    return true;
  }
}

/**
 * Surrounds a node's answers with datagrams. Those that a hostile node sends before its answer carry the
 * right transaction id, so the first that looks like an answer is taken for its answer.
 */
function throwing(node: SimulatedNode, isHostile: boolean, strangers: readonly SimulatedNode[], store: Store) {
  const answer = node.answer;
  node.answer = (query, self) => {
    const { transaction, from } = query;
    const right = answer(query, self);
    const bait = { r: { id: self.id, token: 'token', ...carrying(BAIT) } };
    for (const { who, make } of store.take()) {
      const isOther = who === 'before' && !isHostile;
      const t = isOther ? transaction.map((byte) => byte ^ 0xff) : transaction;
      const datagram = make(encode({ t, y: 'r', ...(isOther || who === 'stranger' ? bait : right) }), t);
      if (!staysHere(datagram)) continue;
      if (who === 'before') self.send(datagram, from);
      else if (who === 'after') store.later(() => self.send(datagram, from));
      else strangers[store.thrown % strangers.length]?.send(datagram, from);
      store.thrown += 1;
    }
    return right;
  };
}

test('a client keeps to the right packets under a flood of arbitrary datagrams, and keeps none of them', async () => {
  console.log(`${COUNT} datagrams, CCLINK_TEST_SEED=${SEED}`);
  const { live, bootstrap, close } = await startSimulatedNetwork({ live: 60 });
  onTestFinished(close);
  const strangers = [await startNode(() => null), await startNode(() => null, { host: live[0]?.host ?? '' })];
  for (const stranger of strangers) onTestFinished(() => stranger.close());
  const store = new Store();
  onTestFinished(() => store.close());
  for (const [rank, node] of byDistance(live, target).entries()) {
    throwing(node, rank < 18 && rank % 3 === 0, strangers, store);
    if (rank < 12) node.held = rank === 2 ? OLD : CURRENT;
  }
  const client = startWorkingChild<ClientWork>(new URL('../support/client-child.ts', import.meta.url), {
    args: [JSON.stringify(bootstrap)],
    execArgv: ['--expose-gc'],
  });
  onTestFinished(() => client.close());

  const lookUp = async () => {
    store.fill();
    const { first, newest, conflict } = await client.ask('resolve', publicKey);
    return { first: text(first), newest: text(newest), conflict };
  };
  await lookUp();
  const memory = await client.ask('memory');
  while (store.thrown < COUNT) {
    const found = await lookUp();
    expect([OLD, CURRENT].map(text)).toContain(found.first);
    expect(found).toMatchObject({ newest: text(CURRENT), conflict: false });
  }
  // Requests to nodes that do not exist are forgotten after 3 s.
  const forgotten = async () => expect((await client.ask('memory')) - memory).toBeLessThan(KEPT);
  await vi.waitFor(forgotten, { timeout: 10_000, interval: 200 });
  // All of them arrived, besides the answers; more than half came from nodes with an answer due, so they were
  // parsed.
  await vi.waitFor(async () => expect(await client.ask('arrived')).toBeGreaterThan(store.thrown));
  expect(await client.ask('read')).toBeGreaterThan(COUNT / 2);

  store.fill();
  const { base, holders } = await client.ask('put', NEW);
  expect(text(base)).toBe(text(CURRENT));
  expect(holders).toBeLessThanOrEqual(live.filter(({ held }) => text(held) === text(NEW)).length);
  expect(await lookUp()).toMatchObject({ newest: text(NEW), conflict: false });
}, 120_000);
