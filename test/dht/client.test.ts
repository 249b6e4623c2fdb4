import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_BOOTSTRAP, parseBootstrap, resolveBootstrap } from '../../src/dht/bootstrap.ts';
import { openDht } from '../../src/dht/client.ts';
import { Deadline } from '../../src/dht/deadline.ts';
import { KnownNodes } from '../../src/dht/known-nodes.ts';
import { type MutableItem, target } from '../../src/dht/mutable-item.ts';
import { noNetwork } from '../../src/dht/network-failure.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { walk } from '../../src/dht/walk.ts';
import { Failure } from '../../src/failure.ts';
import { clientForTest, closedAfterTest, networkForTest, nodeForTest } from '../support/closed-after-test.ts';
import { byDistance, honest, type SimulatedNode } from '../support/simulated-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testKey } from '../support/test-key.ts';

let keys = 0;
/** A key that no other test uses. */
function newKey() {
  keys += 1;
  return testKey(keys);
}

let real: PrivateNetwork;
beforeAll(async () => {
  real = await startPrivateNetwork();
});
afterAll(() => real.close());

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw error;
}

const text = (item: MutableItem | null | undefined) => (item ? Buffer.from(item.value).toString() : null);

/** The `cas` of the first put that a node got; null if it had none. */
const casSent = ({ queries }: SimulatedNode) =>
  queries.find(({ name }) => name === 'put')?.parameters.get('cas') ?? null;

describe('on a network of real nodes', () => {
  test('one client publishes, and another finds it', async () => {
    const { publicKey, item } = newKey();
    const published = await clientForTest(real.bootstrap).put(item(5, 'hello'));
    expect(published.holders).toBeGreaterThanOrEqual(8);
    const found = await clientForTest(real.bootstrap).resolve(publicKey);
    expect(found).toMatchObject({ conflict: false, newest: { seq: 5 } });
    expect(text(found.newest)).toBe('hello');
    expect(found.network.answered).toBeGreaterThanOrEqual(8);
  });

  test('a key that nothing was published under has no packet', async () => {
    expect((await clientForTest(real.bootstrap).resolve(newKey().publicKey)).newest).toBeNull();
  });

  test('a newer packet replaces the older one', async () => {
    const { publicKey, item } = newKey();
    await clientForTest(real.bootstrap).put(item(5, 'old'));
    await clientForTest(real.bootstrap).put(item(6, 'new'));
    expect(text((await clientForTest(real.bootstrap).resolve(publicKey)).newest)).toBe('new');
  });

  test('a packet is kept alive by putting it again as it is, by someone who can’t sign it', async () => {
    const { publicKey, item } = newKey();
    await clientForTest(real.bootstrap).put(item(5, 'hello'));
    const keeper = clientForTest(real.bootstrap);
    const from = await keeper.resolve(publicKey);
    const kept = await keeper.put(from.newest as MutableItem, { from });
    expect(kept.holders).toBeGreaterThanOrEqual(8);
  });
});

describe('a put', () => {
  test('does not ask again who replied to the resolution that it begins with', async () => {
    const { live, bootstrap } = await networkForTest({ live: 20 });
    const { publicKey, item } = newKey();
    const dht = clientForTest(bootstrap);
    const from = await dht.resolve(publicKey);
    for (const each of live) each.queries.length = 0;
    await dht.put(item(1, 'x'), { from });
    // Those that replied before get the put without being asked for the value again.
    const known = new Set(from.nodes.map(({ port }) => port));
    const first = live.filter(({ port }) => known.has(port)).map(({ queries }) => queries.map(({ name }) => name));
    expect(first.map((names) => names.find((name) => name !== 'find_node'))).toEqual(first.map(() => 'put'));
  });

  test('brings nodes up to date that were behind, whatever each of them held', async () => {
    const { live, bootstrap } = await networkForTest({ live: 20 });
    const { publicKey, item } = newKey();
    const closest = byDistance(live, target(publicKey)).slice(0, 6);
    for (const [rank, seq] of [20, 10, 5, null, 20, 10].entries())
      (closest[rank] as SimulatedNode).held = seq === null ? null : item(seq, `old ${seq}`);
    const { holders } = await clientForTest(bootstrap).put(item(21, 'new'));
    expect(holders).toBeGreaterThanOrEqual(8);
    expect(closest.map((each) => each.held?.seq)).toEqual([21, 21, 21, 21, 21, 21]);
    expect(closest.map(casSent)).toEqual([null, null, null, null, null, null]);
  });

  test('that compares and swaps sends each node the seq that this node reported', async () => {
    const { live, bootstrap } = await networkForTest({ live: 20 });
    const { publicKey, item } = newKey();
    const closest = byDistance(live, target(publicKey)).slice(0, 6);
    const held = [20, 10, 5, null, 20, 10];
    for (const [rank, seq] of held.entries())
      (closest[rank] as SimulatedNode).held = seq === null ? null : item(seq, `old ${seq}`);
    const { holders } = await clientForTest(bootstrap).put(item(21, 'new'), { condition: 'unchanged' });
    expect(holders).toBeGreaterThanOrEqual(8);
    expect(closest.map(casSent)).toEqual(held);
  });

  test('that is to stand only where nothing does is put nowhere else, and says who was quicker', async () => {
    const { live, bootstrap } = await networkForTest({ live: 20 });
    const { publicKey, item } = newKey();
    const dht = clientForTest(bootstrap);
    const from = await dht.resolve(publicKey);
    const [closest] = byDistance(live, target(publicKey)) as [SimulatedNode];
    closest.held = item(1, 'theirs');
    const put = await dht.put(item(1, 'ours'), { from, condition: 'nothing' });
    expect(text(put.overtakenBy)).toBe('theirs');
    expect(text(closest.held)).toBe('theirs');
    expect(casSent(closest)).toBe(0);
    const later = await dht.put(item(1, 'ours'), { condition: 'nothing' });
    expect(text(later.overtakenBy)).toBe('theirs');
  });

  test('of a packet that is older than the newest reaches nobody', async () => {
    const { live, bootstrap } = await networkForTest({ live: 20 });
    const { item } = newKey();
    for (const each of live) each.held = item(5, 'newer');
    const put = await clientForTest(bootstrap).put(item(4, 'older'));
    expect(put).toMatchObject({ tried: 0, holders: 0, overtakenBy: { seq: 5 } });
    expect(live.flatMap(({ queries }) => queries).filter(({ name }) => name === 'put')).toEqual([]);
  });

  test('counts only nodes that give the packet back', async () => {
    const { live } = await networkForTest({ live: 8 });
    const { item } = newKey();
    for (const liar of live.slice(0, 3)) {
      const answer = liar.answer;
      liar.held = item(0, 'old');
      liar.answer = (query, self) => (query.name === 'put' ? { r: { id: self.id } } : answer(query, self));
    }
    expect((await clientForTest(live).put(item(1, 'x'))).holders).toBe(5);
  });

  test('reaches 8 where close nodes forget it, by nodes that the walk had no need to hear', async () => {
    const { live, bootstrap } = await networkForTest({ live: 60 });
    const { publicKey, item } = newKey();
    for (const forgetful of byDistance(live, target(publicKey)).slice(0, 9)) {
      const { answer } = forgetful;
      forgetful.answer = (query, self) => (query.name === 'put' ? { r: { id: self.id } } : answer(query, self));
    }
    const { holders } = await clientForTest(bootstrap).put(item(1, 'x'));
    expect(holders).toBeGreaterThanOrEqual(8);
    expect(live.filter(({ held }) => held !== null).length).toBeGreaterThanOrEqual(holders);
  });

  test('is not stopped by nodes that claim that someone else was quicker', async () => {
    const { live } = await networkForTest({ live: 20 });
    const { publicKey, item } = newKey();
    const old = item(3, 'old');
    for (const each of live) each.held = item(5, 'current');
    for (const liar of byDistance(live, target(publicKey)).slice(0, 4)) {
      const answer = honest(() => live);
      liar.answer = (query, self) => {
        self.held = old;
        return query.name === 'put' ? { e: [301, 'CAS mismatch'] } : answer(query, self);
      };
    }
    const put = await clientForTest(live).put(item(7, 'new'));
    expect(put.holders).toBeGreaterThanOrEqual(8);
    expect(put.overtakenBy).toBeNull();
    // To the end, they give an old packet, and this is reported.
    expect((await put.settled).older.map(({ seq }) => seq)).toEqual([3, 3, 3, 3]);
  });

  test('takes well under a second where half of the nodes are dead, and reaches 8', async () => {
    const { bootstrap } = await networkForTest({ live: 32, dead: 32, delayMs: 5 });
    const { item } = newKey();
    const began = performance.now();
    const { holders } = await clientForTest(bootstrap).put(item(1, 'x'));
    expect(holders).toBeGreaterThanOrEqual(8);
    expect(performance.now() - began).toBeLessThan(900);
  });

  test('is not held up by nodes that answer the walk but not the put', async () => {
    const { live } = await networkForTest({ live: 8 });
    const { item } = newKey();
    for (const mute of live.slice(0, 3)) {
      const answer = mute.answer;
      mute.answer = (query, self) => (query.name === 'put' ? null : answer(query, self));
    }
    const began = performance.now();
    const { holders } = await clientForTest(live).put(item(1, 'x'));
    expect(holders).toBe(5);
    expect(performance.now() - began).toBeLessThan(900);
  });
});

test('a bootstrap node that is asked twice counts once', async () => {
  const { live, bootstrap } = await networkForTest({ live: 12 });
  const { publicKey, item } = newKey();
  for (const each of live) each.held = item(1, 'x');
  const { network } = await clientForTest(bootstrap).resolve(publicKey);
  expect(network.answered).toBeLessThanOrEqual(network.asked);
  expect(network.dead).toBeGreaterThanOrEqual(0);
});

describe('no network', () => {
  const { publicKey } = newKey();

  test('where nobody answers, it asks three times and says after 1.5 s that UDP seems blocked', async () => {
    const silent = await nodeForTest(() => null);
    const began = performance.now();
    const failure = await failureOf(clientForTest([silent]).resolve(publicKey));
    expect(failure.code).toBe('network');
    expect(failure.hint).toContain('UDP');
    expect(performance.now() - began).toBeGreaterThan(1400);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(silent.queries).toHaveLength(3);
  });

  test('where some nodes answer and know dead ones only, it says that none is close', async () => {
    const { bootstrap } = await networkForTest({ live: 3, dead: 40, bootstrap: 'knows only dead' });
    for (const lost of [bootstrap[1], bootstrap[2]]) (lost as SimulatedNode).answer = () => null;
    const began = performance.now();
    const failure = await failureOf(clientForTest(bootstrap).resolve(publicKey));
    expect(failure.code).toBe('network');
    expect(failure.message).toMatch(
      /^Only 1 node answered, and none close to the key: the other \d+ that were asked are silent/,
    );
    expect(performance.now() - began).toBeLessThan(2500);
  });

  test('where bootstrap nodes are all that answer, and know dead ones only, it says so to who publishes too', async () => {
    const { bootstrap } = await networkForTest({ live: 60, dead: 40, bootstrap: 'knows only dead' });
    const { publicKey: key, item } = newKey();
    const both = [clientForTest(bootstrap).resolve(key), clientForTest(bootstrap).put(item(1, 'x'))];
    for (const { message } of await Promise.all(both.map(failureOf))) {
      expect(message).toContain('Only 3 nodes answered, and none close to the key');
    }
  });

  test('where all nodes near the key are silent, those far off can not tell that nothing is there', async () => {
    const { live, bootstrap } = await networkForTest({ live: 60 });
    const closestFirst = byDistance(live.slice(3), target(publicKey));
    const far = closestFirst.slice(-4);
    for (const each of closestFirst.slice(0, -4)) each.answer = () => null;
    for (const each of live.slice(0, 3)) each.answer = honest(() => [...far, ...closestFirst.slice(0, 4)]);
    for (const each of far) each.answer = honest(() => closestFirst.slice(0, 8));
    const failure = await failureOf(clientForTest(bootstrap).resolve(publicKey));
    expect(failure.code).toBe('network');
    expect(failure.message).toMatch(/^Only 7 nodes answered, and none close to the key/);
  });

  test('a private network of 5 is whole, though a sixth is listed, and others are known that are gone', async () => {
    const { live } = await networkForTest({ live: 5 });
    const gone = await Promise.all([1, 2, 3, 4, 5].map(() => nodeForTest(() => null)));
    const bootstrap = [...live, ...gone.slice(0, 1)];
    const cacheFolder = temporaryFolder();
    const { publicKey: key, item } = newKey();
    const known = KnownNodes.read(cacheFolder, bootstrap);
    known.learn(target(key), gone.slice(1), []);
    known.save();
    const open = () => closedAfterTest(openDht({ bootstrap, cacheFolder }));
    expect((await open().resolve(key)).newest).toBeNull();
    expect((await open().put(item(1, 'x'))).holders).toBe(5);
    expect(gone.every(({ queries }) => queries.length > 0)).toBe(true);
  });

  test.each([201, 204])(
    'where nodes answer with nothing but error %i, they say nothing of what is there',
    async (code) => {
      const nodes = await Promise.all([1, 2, 3].map(() => nodeForTest(() => ({ e: [code, 'no'] }))));
      const failure = await failureOf(clientForTest(nodes).resolve(publicKey));
      expect(failure.code).toBe('network');
      expect(failure.message).toContain('3 nodes answered, but would not look anything up');
    },
  );

  test('where only the bootstrap nodes of the public network reply, nobody close was heard', async () => {
    const refusing = await nodeForTest(() => ({ e: [204, 'no'] }));
    const roots = await Promise.all([1, 2, 3].map(() => nodeForTest(honest(() => [refusing]))));
    const { signal } = new AbortController();
    const bootstrap = resolveBootstrap(roots, signal);
    const wasSilent = () => false;
    const rpc = closedAfterTest(new Rpc());
    const walked = await walk({ rpc, id: new Uint8Array(20), publicKey, starts: [], wasSilent, bootstrap, signal });
    expect(noNetwork(walked, DEFAULT_BOOTSTRAP, bootstrap)?.message).toContain('none close to the key');
    // A private network may be that small.
    expect(noNetwork(walked, roots, bootstrap)).toBeNull();
  });

  test('where names do not resolve, it says so by name', async () => {
    const began = performance.now();
    const failure = await failureOf(clientForTest('cclink-test.invalid:6881').resolve(publicKey));
    expect(failure.code).toBe('network');
    expect(failure.message).toContain('cclink-test.invalid');
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('where nothing can be sent, it says so at once', async () => {
    const began = performance.now();
    const failure = await failureOf(clientForTest('255.255.255.255:6881').resolve(publicKey));
    expect(failure.code).toBe('network');
    expect(failure.message).toContain('could not send');
    expect(performance.now() - began).toBeLessThan(1000);
  });

  test('where the time runs out before anybody could answer, it says no more than that', async () => {
    const slow = await nodeForTest(
      honest(() => []),
      { delayMs: 600 },
    );
    const failure = await failureOf(clientForTest([slow]).resolve(publicKey, { deadline: new Deadline(300) }));
    expect(failure.message).toBe('No node answered within 0.3 s.');
  });

  test('where the time of several calls is one, what two need at once counts once', async () => {
    const silent = await nodeForTest(() => null);
    const dht = clientForTest([silent]);
    const deadline = new Deadline(3500);
    const both = [dht.resolve(publicKey, { deadline }), dht.resolve(publicKey, { deadline })];
    await Promise.all(both.map(failureOf));
    // It takes 1.5 s again, and the deadline has not passed.
    const third = await failureOf(dht.resolve(publicKey, { deadline }));
    expect(third.message).toContain('None of the bootstrap nodes answered');
    expect((await failureOf(dht.resolve(publicKey, { deadline }))).message).toBe('No node answered within 3.5 s.');
  });

  test('where the time runs out in the middle, it says how long it tried', async () => {
    const silent = await nodeForTest(() => null);
    const slow = await nodeForTest(honest(() => [silent]));
    const failure = await failureOf(clientForTest([slow, silent]).resolve(publicKey, { deadline: new Deadline(500) }));
    expect(failure.code).toBe('network');
    expect(failure.message).toContain('0.5 s');
  });
});

describe('an interruption', () => {
  const { publicKey, item } = newKey();

  test('by the signal ends a resolve and a put at once', async () => {
    const silent = await nodeForTest(() => null);
    const abort = new AbortController();
    const dht = clientForTest([silent]);
    const both = [dht.resolve(publicKey, { signal: abort.signal }), dht.put(item(1), { signal: abort.signal })];
    const failures = Promise.all(both.map(failureOf));
    const began = performance.now();
    setTimeout(() => abort.abort(), 50);
    expect((await failures).map(({ code }) => code)).toEqual(['interrupted', 'interrupted']);
    expect(performance.now() - began).toBeLessThan(1000);
    expect((await failureOf(dht.resolve(publicKey, { signal: abort.signal }))).code).toBe('interrupted');
  });

  test('by close ends what is under way and what comes later', async () => {
    const silent = await nodeForTest(() => null);
    const dht = clientForTest([silent]);
    const underWay = failureOf(dht.resolve(publicKey));
    dht.close();
    expect((await underWay).code).toBe('interrupted');
    expect((await failureOf(dht.resolve(publicKey))).code).toBe('interrupted');
  });

  test('leaves nothing that keeps the process alive, not even a look-up of names', async () => {
    const silent = await nodeForTest(() => null);
    const script = `
      const { openDht } = await import(${JSON.stringify(new URL('../../src/dht/client.ts', import.meta.url).href)});
      const bootstrap = [{ host: '127.0.0.1', port: ${silent.port} }, { host: 'cclink-test.invalid', port: 1 }];
      const dht = openDht({ bootstrap });
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
      dht.resolve(new Uint8Array(32)).catch((error) => console.log(error.code));
      setTimeout(() => {
        dht.close();
        globalThis.began = performance.now();
        setImmediate(() => console.log(timers() + ' timers'));
      }, 100);
      process.on('exit', () => console.log(performance.now() - began < 1500 ? 'soon' : 'late'));`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout.split('\n')).toEqual(['interrupted', '0 timers', 'soon', '']);
  });
});

test('the trace tells what happened in lines without a secret', async () => {
  const { item } = newKey();
  const lines: string[] = [];
  const trace = (line: string) => lines.push(line);
  const dht = closedAfterTest(openDht({ bootstrap: parseBootstrap(real.bootstrap), trace }));
  await (await dht.put(item(1, 'the value'))).settled;
  expect(lines[0]).toMatch(/^asked \d+ nodes: \d+ answered, \d+ dead; no packet; \d+ ms$/);
  expect(lines[1]).toMatch(/^put to \d+ nodes: \d+ hold it, 0 give an older one; \d+ ms$/);
  expect(lines[2]).toMatch(/^in the end put to \d+ nodes: \d+ hold it, 0 give an older one; \d+ ms$/);
  expect(lines.join()).not.toContain('the value');
});
