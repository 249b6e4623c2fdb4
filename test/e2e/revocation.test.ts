import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodePacket, parsePacket } from '../../src/dht/dns-packet.ts';
import { signItem } from '../../src/dht/mutable-item.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { openEnvelope, parseEnvelope } from '../../src/identity/envelope.ts';
import { Machine, SESSION } from '../support/machine.ts';
import { type SimulatedNetwork, startSimulatedNetwork } from '../support/simulated-network.ts';
import type { SimulatedNode } from '../support/simulated-node.ts';

const PASSPHRASE = 'a good passphrase';
const WITH_PASSPHRASE = { env: { CCLINK_PASSPHRASE: PASSPHRASE } };

let laptop: Machine;
let network: SimulatedNetwork;
let publicKey: string;
/** The original answers of the nodes that now refuse. */
const honest = new Map<SimulatedNode, SimulatedNode['answer']>();

afterEach(() => {
  honest.clear();
  network.close();
  laptop.remove();
});

/** A laptop whose key has a passphrase, on a network of this many nodes. */
async function setUp(nodes: number): Promise<void> {
  network = await startSimulatedNetwork({ live: nodes });
  laptop = new Machine('laptop', network.bootstrap.map(({ host, port }) => `${host}:${port}`).join(','));
  publicKey = await laptop.init(PASSPHRASE);
  laptop.addSession();
}

/** Has all nodes but the first `count` refuse every put. */
function refuseAllBut(count: number): void {
  for (const node of network.live.slice(count)) {
    const { answer } = node;
    honest.set(node, answer);
    node.answer = (query, self) => (query.name === 'put' ? { e: [203, 'not now'] } : answer(query, self));
  }
}

function recover(): void {
  for (const [node, answer] of honest) node.answer = answer;
}

/** How many nodes hold a handoff, and how many an empty packet. */
function held(): { handoff: number; empty: number } {
  const texts = network.live.flatMap(({ held }) =>
    held ? [HANDOFF_TXT.read(parsePacket(held.value), publicKey)] : [],
  );
  const handoff = texts.filter((text) => text !== null).length;
  return { handoff, empty: texts.length - handoff };
}

const errorOf = (stderr: string) => JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error;

describe('a revocation', () => {
  beforeEach(() => setUp(12));

  it('that reached too few nodes says whom it reached, and is put again by the next one, which needs no passphrase', async () => {
    await laptop.json(['publish'], WITH_PASSPHRASE);
    expect(held()).toEqual({ handoff: 12, empty: 0 });
    refuseAllBut(2);
    const failed = await laptop.run(['revoke', '-y', '--json'], WITH_PASSPHRASE);
    expect([failed.code, failed.stdout]).toEqual([8, '']);
    expect(errorOf(failed.stderr)).toMatchObject({
      code: 'not-burnt',
      message: expect.stringContaining('only 2 of the 12 nodes'),
      nodes: 2,
      older: 10,
    });
    expect(failed.stderr).toContain('10 nodes still return the old handoff');
    recover();

    expect(await laptop.json(['revoke', '-y'])).toEqual({ publicKey, revoked: true, nodes: 12, older: 0 });
    expect(held()).toEqual({ handoff: 0, empty: 12 });
    expect(await laptop.json(['revoke', '-y'])).toEqual({ publicKey, revoked: false, nodes: 0, older: 0 });
  });

  it('that this machine failed to place is put again, although no node gives the handoff any more', async () => {
    await laptop.json(['publish'], WITH_PASSPHRASE);
    refuseAllBut(5);
    expect((await laptop.run(['revoke', '-y'], WITH_PASSPHRASE)).code).toBe(8);
    // Those that refused have forgotten it meanwhile; five hold the revocation.
    for (const node of network.live.slice(5)) node.held = null;
    recover();
    expect(await laptop.json(['revoke', '-y'])).toMatchObject({ revoked: true, nodes: 12, older: 0 });
  });

  it('that 8 nodes hold is done, and says how many others still give the handoff', async () => {
    await laptop.json(['publish'], WITH_PASSPHRASE);
    refuseAllBut(9);
    const { code, stdout, stderr } = await laptop.run(['revoke', '-y'], WITH_PASSPHRASE);
    expect(code).toBe(0);
    expect(stdout).toBe('Revoked; 9 nodes confirmed it.\n');
    expect(stderr).toContain('3 nodes still return the old handoff');
    expect(stderr).toContain('To try again: cclink revoke');
    recover();
    expect(await laptop.json(['revoke', '-y'])).toMatchObject({ revoked: true, nodes: 12, older: 0 });
  });

  it('takes both of two packets with one number, although the one that counts holds no handoff', async () => {
    await laptop.json(['publish'], WITH_PASSPHRASE);
    const published = network.live[0]?.held;
    const envelope = parseEnvelope(readFileSync(laptop.keyFile));
    const seed = await openEnvelope(envelope, Buffer.from(PASSPHRASE));
    if (seed === null) throw new Error('the passphrase is wrong');
    if (!published) throw new Error('no node holds it');
    const records = ['a', 'b'].map((label) => {
      const owner = [Buffer.from(label), Buffer.from(publicKey)];
      return { owner, type: 16, class: 1, ttl: 60, data: Buffer.from('\u0001x'), compressed: false };
    });
    // With more records it counts as the newer.
    const item = signItem(seed, published.publicKey, published.seq, encodePacket({ records }));
    network.live.slice(6).forEach((node) => {
      node.held = item;
    });
    expect(await laptop.json(['revoke', '-y'], WITH_PASSPHRASE)).toMatchObject({ revoked: true, nodes: 12, older: 0 });
    expect(held()).toEqual({ handoff: 0, empty: 12 });
  });

  it('tells with -v how many nodes hold it', async () => {
    await laptop.json(['publish'], WITH_PASSPHRASE);
    const { stderr } = await laptop.run(['revoke', '-y', '-v'], WITH_PASSPHRASE);
    expect(stderr).toMatch(/in the end put to 12 nodes: 12 hold it, 0 give an older one/);
  });
});

describe('a small network', () => {
  beforeEach(() => setUp(7));

  it('takes a revocation if all its nodes do', async () => {
    await laptop.json(['publish'], WITH_PASSPHRASE);
    expect(await laptop.json(['revoke', '-y'], WITH_PASSPHRASE)).toMatchObject({ revoked: true, nodes: 7, older: 0 });
  });

  it('does not if one of them refuses', async () => {
    await laptop.json(['publish'], WITH_PASSPHRASE);
    refuseAllBut(6);
    const { code, stderr } = await laptop.run(['revoke', '-y'], WITH_PASSPHRASE);
    expect(code).toBe(8);
    expect(stderr).toContain('only 6 of the 7 nodes that answered took the revocation; 1 node still returns');
  });
});

describe('a burn', () => {
  beforeEach(() => setUp(12));

  it('that reached too few nodes hands nothing over, until the next pickup there has finished it', async () => {
    await laptop.json(['publish', '--burn'], WITH_PASSPHRASE);
    refuseAllBut(2);
    const failed = await laptop.run(['pickup', '-y', '--json'], WITH_PASSPHRASE);
    expect([failed.code, failed.stdout]).toEqual([8, '']);
    recover();
    // What it needs was opened before, so that it needs no passphrase.
    const next = await laptop.run(['pickup', '-y', '--no-run']);
    expect([next.code, next.stdout]).toEqual([0, `cd ${laptop.project} && claude --resume ${SESSION}\n`]);
    expect(next.stderr).toContain('interrupted while it was burnt; now it goes on');
    expect(held()).toEqual({ handoff: 0, empty: 12 });
    expect((await laptop.run(['pickup', '-y', '--no-run'])).code).toBe(3);
  });

  it('whose process is killed goes on in the next pickup, and list says so before', async () => {
    await laptop.json(['publish', '--burn'], WITH_PASSPHRASE);
    const pickup = laptop.terminal(['pickup', '--no-run', '-y'], WITH_PASSPHRASE);
    let puts = 0;
    for (const node of network.live) {
      const { answer } = node;
      node.answer = (query, self) => {
        if (query.name === 'put' && ++puts === 3) pickup.kill('SIGKILL');
        return answer(query, self);
      };
    }
    expect(await pickup.end()).toBe(128 + 9);
    expect(pickup.text).not.toContain('claude --resume');

    const list = await laptop.run(['list']);
    expect([list.code, list.stderr]).toEqual([0, expect.stringContaining('To go on with it: cclink pickup')]);
    expect(held()).toEqual({ handoff: 0, empty: 12 });
    const next = await laptop.run(['pickup', '-y', '--no-run']);
    expect([next.code, next.stdout]).toEqual([0, `cd ${laptop.project} && claude --resume ${SESSION}\n`]);
    expect((await laptop.run(['pickup', '-y', '--no-run'])).code).toBe(3);
  });

  it('is handed over to exactly one of two pickups at once on one machine, and the other is told', async () => {
    for (let round = 0; round < 3; round++) {
      await laptop.json(['publish', '--burn'], WITH_PASSPHRASE);
      const pickUp = () => laptop.run(['pickup', '-y', '--no-run'], WITH_PASSPHRASE);
      const both = await Promise.all([pickUp(), pickUp()]);
      expect(both.map(({ code }) => code === 0).toSorted()).toEqual([false, true]);
      const [loser] = both.filter(({ code }) => code !== 0);
      expect([loser?.stdout, loser?.stderr]).toEqual(['', expect.stringMatching(/^Error: /m)]);
      expect((await pickUp()).code).toBe(3);
    }
  });

  it('that Ctrl-C interrupts says how it stands, and goes on', async () => {
    await laptop.json(['publish', '--burn'], WITH_PASSPHRASE);
    const pickup = laptop.terminal(['pickup', '--no-run', '-y'], WITH_PASSPHRASE);
    for (const node of network.live) {
      const { answer } = node;
      node.answer = (query, self) => {
        if (query.name === 'put') pickup.kill('SIGINT');
        return query.name === 'put' ? null : answer(query, self);
      };
      honest.set(node, answer);
    }
    expect(await pickup.end()).toBe(130);
    expect(pickup.text).toMatch(/Interrupted while it was being burnt.*\s+Go on with it: cclink pickup/s);
    recover();
    const next = await laptop.run(['pickup', '-y', '--no-run'], WITH_PASSPHRASE);
    expect([next.code, next.stdout]).toEqual([0, expect.stringContaining(`claude --resume ${SESSION}`)]);
  });

  it('that was interrupted is given up by a revoke', async () => {
    await laptop.json(['publish', '--burn'], WITH_PASSPHRASE);
    refuseAllBut(2);
    expect((await laptop.run(['pickup', '-y', '--json'], WITH_PASSPHRASE)).code).toBe(8);
    recover();
    expect((await laptop.run(['revoke', '-y', 'ffffffff'])).stderr).not.toContain('given up');
    const { code, stderr } = await laptop.run(['revoke', '-y']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('is given up')]);
    expect((await laptop.run(['pickup', '-y', '--no-run'])).code).toBe(3);
  });

  it('that was interrupted is told by the next publish, with the line to go on', async () => {
    await laptop.json(['publish', '--burn'], WITH_PASSPHRASE);
    refuseAllBut(2);
    expect((await laptop.run(['pickup', '-y', '--json'], WITH_PASSPHRASE)).code).toBe(8);
    recover();
    const { code, stderr } = await laptop.run(['publish'], WITH_PASSPHRASE);
    expect(code).toBe(0);
    expect(stderr).toMatch(new RegExp(`^cd .* && claude --resume ${SESSION}$`, 'm'));
  });
});
