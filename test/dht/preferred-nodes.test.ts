import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeAddress } from '../../src/dht/krpc.ts';
import { groupByPreference } from '../../src/dht/preferred-nodes.ts';
import { idFor } from '../support/public-node-id.ts';

const honest = (host: string, port = 6881): NodeAddress => ({ id: idFor(host, `${port}`), host, port });
/** A node whose id does not fit its public address: the first bit is wrong. */
const chosen = (host: string, port = 6881): NodeAddress => {
  const node = honest(host, port);
  return { ...node, id: node.id.map((byte, i) => (i === 0 ? byte ^ 0x80 : byte)) };
};

const byPreference = (nodes: readonly NodeAddress[]) => groupByPreference(nodes, () => true);

describe('groupByPreference', () => {
  it('prefers the nodes whose id fits their address, and keeps both in their order', () => {
    const nodes = [chosen('11.0.0.1'), honest('11.0.1.1'), chosen('11.0.2.1'), honest('11.0.3.1')];
    expect(byPreference(nodes)).toEqual({ preferred: [nodes[1], nodes[3]], others: [nodes[0], nodes[2]], crowd: [] });
  });

  it('prefers the closest two of a /24, be they at one address or at several', () => {
    const nodes = ['11.0.0.9', '11.0.0.3', '11.0.1.1', '11.0.0.200'].map((host) => honest(host));
    expect(byPreference(nodes)).toEqual({ preferred: nodes.slice(0, 3), others: [], crowd: nodes.slice(3) });
    const ports = [1, 2, 3, 4].map((port) => honest('11.0.0.1', port));
    expect(byPreference(ports)).toEqual({ preferred: ports.slice(0, 2), others: [], crowd: ports.slice(2) });
  });

  it('keeps places of a /24 for those whose id fits, and gives two to those whose id does not', () => {
    const crowd = Array.from({ length: 20 }, (_, i) => chosen(`11.0.0.${i + 1}`));
    const late = [honest('11.0.0.100'), honest('11.0.0.101')];
    expect(byPreference([...crowd, ...late])).toEqual({
      preferred: late,
      others: crowd.slice(0, 2),
      crowd: crowd.slice(2),
    });
  });

  it('gives every /24 its own places, within a /16 too', () => {
    const nodes = Array.from({ length: 40 }, (_, i) => honest(`11.0.${i >> 1}.${i + 1}`));
    expect(byPreference(nodes)).toEqual({ preferred: nodes, others: [], crowd: [] });
  });

  it('prefers all nodes at local addresses: any number of them, with any id', () => {
    const nodes = [1, 2, 3, 4, 5].flatMap((port) => ['127.0.0.1', '192.168.0.7'].map((host) => chosen(host, port)));
    expect(byPreference(nodes)).toEqual({ preferred: nodes, others: [], crowd: [] });
  });

  it('gives the places of a /24 to those that answered, not to those that somebody only named', () => {
    const named = ['11.0.0.1', '11.0.0.2', '11.0.0.3'].map((host) => honest(host));
    const answered = ['11.0.0.4', '11.0.0.5', '11.0.0.6'].map((host) => honest(host));
    const { preferred, others, crowd } = groupByPreference([...named, ...answered], (node) => answered.includes(node));
    expect({ preferred, others, crowd }).toEqual({
      preferred: [...named, ...answered.slice(0, 2)],
      others: [],
      crowd: answered.slice(2),
    });
  });

  it('loses no node and makes none up', () => {
    const node = fc.tuple(fc.boolean(), fc.constantFrom('127.0.0.1', '11.0.0.1', '11.0.0.2', '11.0.1.1'), fc.nat(99));
    fc.assert(
      fc.property(fc.array(node), (drawn) => {
        const nodes = drawn.map(([fits, host, port]) => (fits ? honest : chosen)(host, port));
        const { preferred, others, crowd } = byPreference(nodes);
        expect(new Set([...preferred, ...others, ...crowd])).toEqual(new Set(nodes));
        expect(preferred.length + others.length + crowd.length).toBe(nodes.length);
      }),
    );
  });
});
