import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { describe, expect, type TestContext, test, vi } from 'vitest';
import { encode } from '../../src/dht/bencode.ts';
import { type DhtOptions, openDht } from '../../src/dht/client.ts';
import type { LastingClientWork } from '../support/lasting-client.ts';
import type { Outcome, Result, Scenario } from '../support/lost-link.ts';
import { canHavePublicAddresses, scriptOnPublicAddresses } from '../support/public-addresses.ts';
import { type SimulatedNetwork, startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, honest, type SimulatedNode } from '../support/simulated-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testKey } from '../support/test-key.ts';
import { startWorkingChild } from '../support/working-child.ts';

const CLIENT = new URL('../support/lasting-client.ts', import.meta.url);
const LOST_LINK = new URL('../support/lost-link.ts', import.meta.url);

/** How many nodes there are, and how many of those closest to the key hold the packet. */
const LIVE = 60;
const HOLDERS = 8;
/** How many nodes a look-up asks at once. */
const AT_ONCE = 14;

const { publicKey, target, item } = testKey(9);

/** A network where the nodes closest to the key hold the packet. */
async function startNetwork(holders = HOLDERS): Promise<SimulatedNetwork> {
  const network = await startSimulatedNetwork({ live: LIVE });
  for (const node of byDistance(network.live, target).slice(0, holders)) node.held = item(5);
  return network;
}

const addressesOf = ({ bootstrap }: SimulatedNetwork) => bootstrap.map(({ host, port }) => ({ host, port }));

/** The nodes that a client took for silent, as its file says. */
function silentIn(cacheFolder: string): string[] {
  const lines = readFileSync(join(cacheFolder, 'nodes.txt'), 'utf8').split('\n');
  return lines.filter((line) => line.startsWith('silent '));
}

/** The code of the failure that some work ends with; null if it succeeds. */
const failureCodeOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    ({ code }) => code,
  );

describe.skipIf(process.platform === 'win32').concurrent('a process that is stopped for 5 s', () => {
  const STOPPED_MS = 5000;
  /** For one operation: apart from the stop, it needs much less. */
  const DEADLINE_MS = 3000;
  /** How long the interrupted operation may take once the process goes on. */
  const SOON_MS = 1500;

  /** Holds back the nodes' answers. */
  class Gate {
    private readonly held: { readonly node: SimulatedNode; readonly send: () => void }[] = [];
    private isFirst: (name: string) => boolean = () => false;
    private isShut = false;

    constructor({ live }: SimulatedNetwork) {
      for (const node of live) this.guard(node);
    }

    /**
     * Starts to hold answers back at the next query of this name, and waits until there are `count` of them.
     */
    async shut(first: 'get' | 'put', count: number): Promise<void> {
      this.isFirst = (name) => name === first;
      await vi.waitFor(() => expect(this.held.length).toBeGreaterThanOrEqual(count), { timeout: 10_000, interval: 5 });
    }

    /** Sends all answers, last those of the nodes that hold something. */
    open(): void {
      this.isFirst = () => false;
      this.isShut = false;
      const isLast = ({ node }: { node: SimulatedNode }) => Number(node.held !== null);
      for (const { send } of this.held.splice(0).sort((a, b) => isLast(a) - isLast(b))) send();
    }

    private guard(node: SimulatedNode): void {
      const { answer } = node;
      node.answer = (query, self) => {
        this.isShut ||= this.isFirst(query.name);
        const answered = answer(query, self);
        if (!this.isShut || answered === null || 'raw' in answered) return answered;
        const datagram = encode({ t: query.transaction, y: 'r' in answered ? 'r' : 'e', ...answered });
        this.held.push({ node, send: () => self.send(datagram, query.from) });
        return null;
      };
    }
  }

  /** A client in a process of its own that has done one look-up, and a way to stop it. */
  async function open({ onTestFinished }: TestContext, holders = HOLDERS) {
    const network = await startNetwork(holders);
    onTestFinished(() => network.close());
    const cacheFolder = mkdtempSync(join(tmpdir(), 'cclink-test-'));
    onTestFinished(() => rmSync(cacheFolder, { recursive: true, force: true }));
    const options: DhtOptions = { bootstrap: addressesOf(network), cacheFolder };
    const client = startWorkingChild<LastingClientWork>(CLIENT, { args: [JSON.stringify(options)] });
    onTestFinished(() => client.close());
    const pid = await client.ask('pid');
    // A stopped process could not even end.
    onTestFinished(() => void process.kill(pid, 'SIGCONT'));
    await client.ask('resolve', publicKey, DEADLINE_MS);
    const gate = new Gate(network);
    /** Stops the process while `count` answers to this kind of query are due, which arrive meanwhile. */
    const stop = async <T extends { milliseconds: number }>(work: Promise<T>, first: 'get' | 'put', count: number) => {
      await gate.shut(first, count);
      process.kill(pid, 'SIGSTOP');
      gate.open();
      await rest(STOPPED_MS);
      process.kill(pid, 'SIGCONT');
      const done = await work;
      // It was stopped in the middle, and ended soon afterwards.
      expect(done.milliseconds).toBeGreaterThan(STOPPED_MS);
      expect(done.milliseconds).toBeLessThan(STOPPED_MS + SOON_MS);
      return done;
    };
    const silent = async () => {
      await client.ask('close');
      return silentIn(cacheFolder);
    };
    return { client, stop, silent };
  }

  test('in the middle of a look-up finds the packet, though its deadline is 3 s', async (context) => {
    const { client, stop, silent } = await open(context);
    const { found } = await stop(client.ask('resolve', publicKey, DEADLINE_MS), 'get', AT_ONCE);
    expect(found).toEqual([5]);
    expect(await silent()).toEqual([]);
  });

  test('waits for nodes no longer than before, and finds and puts as quickly', async (context) => {
    const { client, stop } = await open(context);
    await stop(client.ask('resolve', publicKey, DEADLINE_MS), 'get', AT_ONCE);
    const { medianMs, holdMs } = await client.ask('limits');
    expect(medianMs).toBeLessThan(1000);
    expect(holdMs).toBeLessThan(1000);
    const { found, milliseconds } = await client.ask('resolve', publicKey, DEADLINE_MS);
    expect(found).toEqual([5]);
    expect(milliseconds).toBeLessThan(SOON_MS);
    const put = await client.ask('put', item(6), DEADLINE_MS);
    expect(put.holders).toBeGreaterThanOrEqual(HOLDERS);
    expect(put.milliseconds).toBeLessThan(SOON_MS);
  });

  test('in the middle of a put puts the packet to 8 nodes, though its deadline is 3 s', async (context) => {
    const { client, stop } = await open(context);
    const { holders } = await stop(client.ask('put', item(6), DEADLINE_MS), 'put', AT_ONCE);
    expect(holders).toBeGreaterThanOrEqual(HOLDERS);
  });

  // Node hands over a socket's datagrams 32 at a time. Here 56 wait, and those with the packet are the last
  // 12.
  test('in the middle of four look-ups at once hears all answers that came meanwhile', async (context) => {
    const { client, stop, silent } = await open(context, 3);
    await rest(500); // so that the pace allows 64 datagrams at once
    const { found } = await stop(client.ask('resolve', publicKey, DEADLINE_MS, 4), 'get', 4 * AT_ONCE);
    expect(found).toEqual([5, 5, 5, 5]);
    expect(await silent()).toEqual([]);
  });
});

describe('queries that are lost', () => {
  /** A client that has done one look-up; after it, the nodes answer only queries that are not lost. */
  async function open({ onTestFinished }: TestContext, isLost: (node: SimulatedNode, isItsFirst: boolean) => boolean) {
    const network = await startNetwork();
    onTestFinished(() => network.close());
    const cacheFolder = temporaryFolder();
    const dht = openDht({ bootstrap: addressesOf(network), cacheFolder });
    onTestFinished(() => dht.close());
    await dht.resolve(publicKey);
    for (const node of network.live) {
      const { answer } = node;
      node.queries.length = 0;
      node.answer = (query, self) => (isLost(node, node.queries.length === 1) ? null : answer(query, self));
    }
    const silent = () => {
      dht.close();
      return silentIn(cacheFolder);
    };
    return { dht, silent };
  }

  test('all of them: it fails after 1.5 s, takes nobody for silent, and then finds and puts as before', async (context) => {
    let isDown = true;
    const { dht, silent } = await open(context, () => isDown);
    const began = performance.now();
    expect(await failureCodeOf(dht.resolve(publicKey))).toBe('network');
    const tookMs = performance.now() - began;
    expect(tookMs).toBeGreaterThan(1400);
    expect(tookMs).toBeLessThan(3000);
    isDown = false;
    expect((await dht.resolve(publicKey)).newest?.seq).toBe(5);
    expect((await dht.put(item(6))).holders).toBeGreaterThanOrEqual(HOLDERS);
    expect(silent()).toEqual([]);
  });

  test('the first to each of the 8 closest nodes, all at one moment: the packet is found there all the same', async (context) => {
    const { dht } = await open(context, ({ held }, isItsFirst) => held !== null && isItsFirst);
    expect((await dht.resolve(publicKey)).newest?.seq).toBe(5);
  });

  test('the first to each of the 8 closest nodes, all at one moment: none of them is taken for silent', async (context) => {
    const { dht, silent } = await open(context, ({ held }, isItsFirst) => held !== null && isItsFirst);
    await dht.resolve(publicKey);
    expect(silent()).toEqual([]);
  });

  test('all after the first 8 nodes, far from the key, have answered: it fails, and does not say that nothing is there', async ({
    onTestFinished,
  }) => {
    const network = await startNetwork();
    onTestFinished(() => network.close());
    const closestFirst = byDistance(network.live.slice(3), target);
    const [far, close] = [closestFirst.slice(-9), closestFirst.slice(0, -9)];
    const once = (answer: SimulatedNode['answer']): SimulatedNode['answer'] => {
      return (query, self) => (self.queries.length === 1 ? answer(query, self) : null);
    };
    for (const node of network.live.slice(0, 3)) node.answer = once(honest(() => far));
    for (const node of far) node.answer = once(honest(() => close));
    for (const node of close) node.answer = () => null;
    const dht = openDht({ bootstrap: addressesOf(network) });
    onTestFinished(() => dht.close());
    expect(await failureCodeOf(dht.resolve(publicKey))).toBe('network');
  });
});

describe.runIf(canHavePublicAddresses)('a client that loses its link', () => {
  const play = (scenario: Scenario) =>
    scriptOnPublicAddresses<Outcome>(LOST_LINK, temporaryFolder(), JSON.stringify(scenario));

  const isNetworkFailure = ({ failure }: Result) => failure?.code === 'network';

  /** The client finds and puts as if nothing had happened. */
  function expectAllIsWellAfter({ lookUpAfter, putAfter }: Outcome): void {
    expect(lookUpAfter).toMatchObject({ found: 'there', failure: null });
    expect(putAfter.failure).toBeNull();
    expect(putAfter.found).toBeGreaterThanOrEqual(HOLDERS);
  }

  test('and can’t send any more says so at once, and is well as soon as the link is back', async () => {
    const outcome = await play({ lost: 'no route', when: 'before', backAfterMs: null });
    for (const result of [outcome.lookUp, outcome.put]) {
      expect(result?.failure).toEqual({ code: 'network', message: 'This machine could not send to any node.' });
      expect(result?.milliseconds).toBeLessThan(1000);
    }
    expectAllIsWellAfter(outcome);
    expect(outcome.silent).toEqual([]);
  });

  test('and is not told so says after 1.5 s that nobody answered, and is well as soon as the link is back', async () => {
    const outcome = await play({ lost: 'silently', when: 'before', backAfterMs: null });
    for (const result of [outcome.lookUp, outcome.put]) {
      expect(result?.failure?.code).toBe('network');
      expect(result?.failure?.message).toContain('None of the bootstrap nodes answered');
      expect(result?.milliseconds).toBeLessThan(3000);
    }
    expectAllIsWellAfter(outcome);
    expect(outcome.silent).toEqual([]);
  });

  test.each(['silently', 'no route'] as const)(
    'in the middle of a look-up (%s) fails it within seconds for want of nodes close to the key, and is well as soon as it is back',
    async (lost) => {
      const outcome = await play({ lost, when: 'in the middle', backAfterMs: null });
      expect(outcome.lookUp.failure?.code).toBe('network');
      expect(outcome.lookUp.failure?.message).toMatch(/^Only [1-3] nodes? answered, and none close to the key/);
      expect(outcome.lookUp.milliseconds).toBeLessThan(3000);
      expect(outcome.put?.failure?.code).toBe('network');
      expectAllIsWellAfter(outcome);
      expect(outcome.silent).toEqual([]);
    },
  );

  test.each(['silently', 'no route'] as const)(
    'in the middle of a look-up (%s) and gets it back at once never says that nothing is there, and is well then',
    async (lost) => {
      const outcome = await play({ lost, when: 'in the middle', backAfterMs: 50 });
      expect(outcome.lookUp.found === 'there' || isNetworkFailure(outcome.lookUp)).toBe(true);
      expectAllIsWellAfter(outcome);
    },
  );
});

test.skipIf(canHavePublicAddresses)('NOT TESTED, as this process may not have a network of its own', () => {});
