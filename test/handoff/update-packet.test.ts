import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { Deadline } from '../../src/dht/deadline.ts';
import { EMPTY_PACKET, encodePacket, type Packet, parsePacket } from '../../src/dht/dns-packet.ts';
import { type MutableItem, signItem, target } from '../../src/dht/mutable-item.ts';
import { startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { History } from '../../src/handoff/history.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { nextSeq, type UpdateOptions, updatePacket } from '../../src/handoff/update-packet.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, carrying, compact, type SimulatedNode } from '../support/simulated-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NOW = 1_790_000_000_000;
const MICROSECONDS = 1000;
/** A number lower than that of any clock in these tests. */
const OLD = NOW * MICROSECONDS - 1_000_000_000;

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

let keys = 0;
/** A new key on a network of honest nodes, given with the closest first. */
async function setUp(live = 20) {
  keys += 1;
  const identity = identityOf(new Uint8Array(32).fill(keys));
  const network = await startSimulatedNetwork({ live });
  const dht = openDht({ bootstrap: network.bootstrap });
  closing.push(network, dht);
  const closest = byDistance(network.live, target(identity.publicKey));
  const name = encodePublicKey(identity.publicKey);
  const itemOf = (text: string, seq: number) =>
    signItem(identity.seed, identity.publicKey, seq, encodePacket(HANDOFF_TXT.write(EMPTY_PACKET, name, text)));
  const textIn = (packet: Packet) => HANDOFF_TXT.read(packet, name);
  const textOf = (item: MutableItem | null) => item && textIn(parsePacket(item.value));
  const replaceBy = (text: string, isGuarded = false) => ({
    packet: HANDOFF_TXT.write(EMPTY_PACKET, name, text),
    isGuarded,
  });
  const options: UpdateOptions = { now: () => NOW, history: new History(temporaryFolder()) };
  return { identity, dht, closest, itemOf, textIn, textOf, replaceBy, options };
}

const put = (nodes: readonly SimulatedNode[], item: MutableItem | null) => {
  for (const node of nodes) node.held = item;
};

const casOf = ({ queries }: SimulatedNode) => queries.find(({ name }) => name === 'put')?.parameters.get('cas') ?? null;

describe('an update', () => {
  it('gets the newest packet, and puts what is made of it above that', async () => {
    const { identity, dht, closest, itemOf, textIn, replaceBy, options } = await setUp();
    put(closest.slice(0, 12), itemOf('old', OLD));
    const seen: (string | null)[] = [];
    const change = (packet: Packet) => {
      seen.push(textIn(packet));
      return replaceBy('new');
    };
    const update = await updatePacket(dht, identity, change, options);
    expect(seen).toEqual(['old']);
    expect(update?.put.holders).toBeGreaterThanOrEqual(8);
    expect(update?.wasOvertaken).toBe(false);
  });

  it('leaves everything as it is for null, and passes on what the change throws', async () => {
    const { identity, dht, closest, options } = await setUp();
    expect(await updatePacket(dht, identity, () => null, options)).toBeNull();
    const refusing = () => {
      throw new Error('not this one');
    };
    await expect(updatePacket(dht, identity, refusing, options)).rejects.toThrow('not this one');
    expect(closest.flatMap(({ queries }) => queries).filter(({ name }) => name === 'put')).toEqual([]);
  });

  it('is remembered before it is sent, as one that has not reached its nodes yet', async () => {
    const { identity, dht, closest, replaceBy, options } = await setUp();
    const remembered: Promise<{ seq: number; placed: boolean }>[] = [];
    for (const node of closest) {
      const { answer } = node;
      node.answer = (query, self) => {
        if (query.name === 'put') remembered.push(options.history.read(identity.publicKey));
        return answer(query, self);
      };
    }
    const update = await updatePacket(dht, identity, () => replaceBy('new'), options);
    expect(await remembered[0]).toMatchObject({ seq: update?.seq, placed: false });
  });

  it('begins with a resolution of the last two seconds, and looks again where it is older', async () => {
    const { identity, dht, closest, itemOf, textIn, replaceBy, options } = await setUp();
    const from = await dht.resolve(identity.publicKey);
    const theirs = itemOf('theirs', (NOW + 50) * MICROSECONDS);
    put(closest, theirs);
    const seenFrom = async (doneAtMs: number) => {
      const seen: (string | null)[] = [];
      const change = (packet: Packet) => {
        seen.push(textIn(packet));
        return seen.length === 1 ? replaceBy('ours', true) : null;
      };
      await updatePacket(dht, identity, change, { ...options, from: { ...from, doneAtMs } });
      return seen[0];
    };
    expect(await seenFrom(Date.now() - 1900)).toBeNull();
    put(closest, theirs);
    expect(await seenFrom(Date.now() - 2100)).toBe('theirs');
  });

  it('ends with its deadline, however often it looks', async () => {
    const { identity, dht, closest, replaceBy, options } = await setUp();
    for (const node of closest) node.answer = () => null;
    const update = updatePacket(dht, identity, () => replaceBy('new'), { ...options, deadline: new Deadline(300) });
    await expect(update).rejects.toMatchObject({ code: 'network' });
  });
});

describe('somebody who publishes between the look-up and the put', () => {
  it('is not replaced by a packet that is not guarded, as theirs has the higher number: it is built upon', async () => {
    const { identity, dht, closest, itemOf, textIn, textOf, replaceBy, options } = await setUp();
    put(closest, itemOf('first', OLD));
    let nowMs = NOW;
    const seen: (string | null)[] = [];
    const change = (packet: Packet) => {
      seen.push(textIn(packet));
      // A moment after our look-up began, by a clock that agrees with ours.
      if (seen.length === 1) put(closest, itemOf('theirs', (NOW + 5) * MICROSECONDS));
      nowMs += 10;
      return replaceBy('ours');
    };
    const update = await updatePacket(dht, identity, change, { ...options, now: () => nowMs });
    expect(seen).toEqual(['first', 'theirs']);
    expect(update?.wasOvertaken).toBe(true);
    await update?.put.settled;
    expect(closest.slice(0, 8).map(({ held }) => textOf(held))).toEqual(Array(8).fill('ours'));
    expect(closest.map(casOf)).toEqual(closest.map(() => null));
  });

  it('is not replaced by a guarded one, although that has the higher number: each node must still hold what it held', async () => {
    const { identity, dht, closest, itemOf, textIn, replaceBy, options } = await setUp();
    put(closest, itemOf('first', OLD));
    const seen: (string | null)[] = [];
    const change = (packet: Packet) => {
      seen.push(textIn(packet));
      if (seen.length === 1) put(closest, itemOf('theirs', OLD + 1));
      return replaceBy('ours', true);
    };
    await updatePacket(dht, identity, change, options);
    expect(seen).toEqual(['first', 'theirs']);
    expect(casOf(closest[0] as SimulatedNode)).toBe(OLD);
  });

  it('is built upon, also where a node that held nothing took our first try', async () => {
    const { identity, dht, closest, itemOf, textIn, textOf, replaceBy, options } = await setUp(12);
    put(closest.slice(0, 8), itemOf('first', OLD));
    const seen: (string | null)[] = [];
    const change = (packet: Packet) => {
      seen.push(textIn(packet));
      if (seen.length === 1) put(closest.slice(0, 8), itemOf('theirs', OLD + 1));
      return replaceBy(`ours ${seen.length}`, true);
    };
    const update = await updatePacket(dht, identity, change, options);
    await update?.put.settled;
    expect(seen).toEqual(['first', 'theirs']);
    expect(new Set(closest.map(({ held }) => textOf(held)))).toEqual(new Set(['ours 2']));
  });

  it('stands above our first try, where it must not be replaced after all', async () => {
    const { identity, dht, closest, itemOf, textIn, textOf, replaceBy, options } = await setUp(12);
    put(closest.slice(0, 8), itemOf('first', OLD));
    const change = (packet: Packet) => {
      if (textIn(packet) === 'theirs') throw new Error('left alone');
      put(closest.slice(0, 8), itemOf('theirs', OLD + 1));
      return replaceBy('ours', true);
    };
    await expect(updatePacket(dht, identity, change, options)).rejects.toThrow('left alone');
    expect(textOf((await dht.resolve(identity.publicKey)).newest)).toBe('theirs');
  });

  it('is found where only a node has it that takes no put', async () => {
    const { identity, dht, closest, itemOf, textIn, replaceBy, options } = await setUp(12);
    const [first] = closest as [SimulatedNode];
    first.answer = (_, { id, held }) => ({ r: { id, ...(held ? carrying(held) : { nodes: compact(closest) }) } });
    const seen: (string | null)[] = [];
    const change = (packet: Packet) => {
      seen.push(textIn(packet));
      return replaceBy('ours');
    };
    first.held = itemOf('theirs', OLD);
    await updatePacket(dht, identity, change, options);
    expect(seen).toEqual(['theirs']);
  });

  it('who is quicker again and again is left alone after a few tries', async () => {
    const { identity, dht, closest, itemOf, replaceBy, options } = await setUp();
    let built = 0;
    const change = () => {
      built += 1;
      put(closest, itemOf('theirs', (NOW + built) * MICROSECONDS));
      return replaceBy('ours', true);
    };
    const update = updatePacket(dht as Dht, identity as Identity, change, options);
    await expect(update).rejects.toMatchObject({ code: 'network', message: expect.stringContaining('same key') });
    expect(built).toBe(5);
  });
});

describe('what this machine published before', () => {
  it('and a node kept, while the network forgot it, is merely old: it is replaced, and not put again', async () => {
    const { identity, dht, closest, textIn, textOf, replaceBy, options } = await setUp();
    const first = await updatePacket(dht, identity, () => replaceBy('taken back since'), options);
    await first?.put.settled;
    const kept = closest[0]?.held ?? null;
    put(closest, null);
    // It gives the packet only after a put, so the look-up does not meet it.
    const [keeper] = closest as [SimulatedNode];
    const { answer } = keeper;
    keeper.answer = (query, self) => {
      if (query.name === 'put' && self.held === null) self.held = kept;
      return answer(query, self);
    };
    const seen: (string | null)[] = [];
    const change = (packet: Packet) => {
      seen.push(textIn(packet));
      return replaceBy('new');
    };
    const update = await updatePacket(dht, identity, change, { ...options, now: () => NOW + 60_000 });
    expect(seen).toEqual([null]);
    expect(update?.wasOvertaken).toBe(false);
    expect(await update?.put.settled).toMatchObject({ overtakenBy: null });
    expect(textOf(keeper.held)).toBe('new');
  });
});

describe('on a network of real nodes', () => {
  it.each([
    ['and clocks that differ', [NOW, NOW + 1000, NOW + 2000]],
    ['and clocks that agree, so that two packets may get the same number', [NOW, NOW, NOW]],
  ])('three machines publish at the same moment, %s: nothing is lost, and all read the same', async (_, clocks) => {
    const network = await startPrivateNetwork();
    onTestFinished(() => network.close());
    keys += 1;
    const identity = identityOf(new Uint8Array(32).fill(keys));
    const name = encodePublicKey(identity.publicKey);
    const open = () => {
      const dht = openDht({ bootstrap: parseBootstrap(network.bootstrap) });
      closing.push(dht);
      return dht;
    };
    const add = (nowMs: number, word: number | null) => {
      const change = (packet: Packet) => {
        const words = JSON.parse(HANDOFF_TXT.read(packet, name) ?? '[]') as number[];
        const text = JSON.stringify(word === null ? words : [...words, word]);
        return { packet: HANDOFF_TXT.write(EMPTY_PACKET, name, text), isGuarded: true };
      };
      return updatePacket(open(), identity, change, { now: () => nowMs, history: new History(temporaryFolder()) });
    };
    await (await add(NOW - 1000, null))?.put.settled;
    const updates = await Promise.all(clocks.map(add));
    await Promise.all(updates.map((update) => update?.put.settled));
    const found = await Promise.all(clocks.map(() => open().resolve(identity.publicKey)));
    const texts = found.map(
      ({ newest }) => HANDOFF_TXT.read(parsePacket(newest?.value ?? new Uint8Array()), name) ?? '',
    );
    expect(new Set(texts).size).toBe(1);
    expect(found.map(({ conflict }) => conflict)).toEqual([false, false, false]);
    expect(new Set(JSON.parse(texts[0] ?? '[]') as number[])).toEqual(new Set([0, 1, 2]));
  });
});

describe('a node that gives one old packet after another', () => {
  it('stops no guarded publish: what is not above the packet that was built upon is merely old', async () => {
    const { identity, dht, closest, itemOf, textIn, replaceBy, options } = await setUp();
    put(closest, itemOf('current', OLD + 9));
    const [liar] = closest as [SimulatedNode];
    const { answer } = liar;
    let answers = 0;
    liar.answer = (query, self) => {
      answers += 1;
      self.held = itemOf(`old ${answers}`, OLD + (answers % 8));
      return query.name === 'put' ? { r: { id: self.id } } : answer(query, self);
    };
    const seen: (string | null)[] = [];
    const change = (packet: Packet) => {
      seen.push(textIn(packet));
      return replaceBy('ours', true);
    };
    const update = await updatePacket(dht, identity, change, options);
    expect(seen).toEqual(['current']);
    expect(await update?.put.settled).toMatchObject({ overtakenBy: null });
  });
});

describe('the number of the next packet', () => {
  it('is the time in microseconds, any within the millisecond, so that two machines rarely take the same', () => {
    const numbers = Array.from({ length: 200 }, () => nextSeq(NOW, false, 5));
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(NOW * MICROSECONDS);
    expect(Math.max(...numbers)).toBeLessThan((NOW + 1) * MICROSECONDS);
    expect(new Set(numbers).size).toBeGreaterThan(100);
  });

  it('is 2 more than the newest at least, whatever the clock says, and above any that is not guarded where it is', () => {
    const newest = (NOW + 60_000) * MICROSECONDS;
    for (let i = 0; i < 200; i += 1) {
      const plain = nextSeq(NOW, false, newest, 5);
      expect(plain).toBeGreaterThanOrEqual(newest + 2);
      expect(nextSeq(NOW, true, newest, 5)).toBeGreaterThan(plain);
    }
  });

  it('is refused above the largest safe integer', () => {
    expect(() => nextSeq(NOW, false, Number.MAX_SAFE_INTEGER - 1)).toThrow('highest number');
  });
});
