import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_PACKET, encodePacket } from '../../src/dht/dns-packet.ts';
import { type MutableItem, signItem, target } from '../../src/dht/mutable-item.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { Machine } from '../support/machine.ts';
import { type SimulatedNetwork, startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, type SimulatedNode } from '../support/simulated-node.ts';
import { fromHex } from '../support/vectors.ts';

let laptop: Machine;
let network: SimulatedNetwork;
let identity: Identity;
let closest: SimulatedNode[];

beforeEach(async () => {
  network = await startSimulatedNetwork({ live: 20 });
  laptop = new Machine('laptop', network.bootstrap.map(({ host, port }) => `${host}:${port}`).join(','));
  await laptop.init();
  laptop.addSession();
  identity = identityOf(fromHex(readFileSync(laptop.keyFile, 'utf8')));
  closest = byDistance(network.live, target(identity.publicKey));
});
afterEach(() => {
  network.close();
  laptop.remove();
});

/** What another machine with the same key publishes, one second ahead by its clock. */
function theirs(): MutableItem {
  const { seed, publicKey } = identity;
  return signItem(seed, publicKey, (Date.now() + 1000) * 1000, encodePacket(EMPTY_PACKET));
}

/** Has a node do something before it answers its first put. */
function beforeFirstPut(node: SimulatedNode, act: () => void): void {
  const { answer } = node;
  let isFirst = true;
  node.answer = (query, self) => {
    if (query.name === 'put' && isFirst) {
      isFirst = false;
      act();
    }
    return answer(query, self);
  };
}

describe('a publish that somebody else overtakes', () => {
  it('while it is under way replaces theirs, and says so', async () => {
    beforeFirstPut(closest[0] as SimulatedNode, () => {
      for (const node of closest) node.held = theirs();
    });
    const { code, stdout, stderr } = await laptop.run(['publish', '--yes']);
    expect([code, stdout]).toEqual([0, 'cclink pickup\n']);
    expect(stderr).toContain('Published session');
    expect(stderr).toContain('another machine published under your key at the same moment; this handoff replaced it');
  });

  it('once 8 nodes hold it stands for no long time, and says so', async () => {
    // The last of the 20 gets its put after the others took it.
    const last = closest[19] as SimulatedNode;
    beforeFirstPut(last, () => {
      last.held = theirs();
    });
    const { code, stdout, stderr } = await laptop.run(['publish', '--yes']);
    expect([code, stdout]).toEqual([0, 'cclink pickup\n']);
    expect(stderr).toContain(
      'another machine published under your key a moment later, and its handoff replaced this one',
    );
  });
});
