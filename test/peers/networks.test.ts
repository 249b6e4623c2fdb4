import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Machine, SESSION } from '../support/machine.ts';
import { missingToBuild } from './build-programs.ts';
import { missingLibtorrent } from './libtorrent-program.ts';
import { type ForeignNetwork, mixedNetwork, networkOf } from './networks.ts';
import { describePeer } from './peer-programs.ts';

const NETWORKS: [string, string[], () => Promise<ForeignNetwork>][] = [
  ['30 nodes of Rust mainline', missingToBuild('mainline'), () => networkOf('mainline', 30)],
  ['14 nodes of anacrolix/dht', missingToBuild('anacrolix'), () => networkOf('anacrolix', 14)],
  [
    'a mixed network',
    [...missingToBuild('mainline'), ...missingToBuild('anacrolix'), ...missingLibtorrent()],
    mixedNetwork,
  ],
];

for (const [name, missing, start] of NETWORKS) {
  describePeer(name, missing, () => {
    let network: ForeignNetwork;
    let laptop: Machine;
    let desk: Machine;

    beforeAll(async () => {
      network = await start();
    }, 60_000);
    afterAll(() => network?.close());
    beforeEach(async () => {
      [laptop, desk] = ['laptop', 'desk'].map((machine) => new Machine(machine, network.bootstrap)) as [
        Machine,
        Machine,
      ];
      await laptop.init();
      desk.takeKeyOf(laptop);
      for (const machine of [laptop, desk]) machine.addSession();
    });
    afterEach(() => {
      for (const machine of [laptop, desk]) machine?.remove();
    });

    const picksUp = () => desk.json<{ session: { id: string }; createdAt: string }>(['pickup', '-y']);

    it('carries a handoff that is published ten times over, is listed, picked up and taken back', async () => {
      for (let i = 0; i < 10; i += 1) {
        const { nodes } = await laptop.json<{ nodes: number }>(['publish']);
        expect(nodes).toBeGreaterThanOrEqual(8);
      }
      expect(await desk.json(['list'])).toMatchObject([{ mode: 'self', session: { id: SESSION } }]);
      expect(await picksUp()).toMatchObject({ session: { id: SESSION } });
      expect(await laptop.json(['revoke', '-y'])).toMatchObject({ revoked: true, older: 0 });
      expect((await desk.run(['pickup', '-y'])).code).toBe(3);
      expect(await desk.json(['list'])).toEqual([]);
    }, 60_000);

    it('hands over once what is to burn', async () => {
      await laptop.json(['publish', '--burn']);
      expect(await picksUp()).toMatchObject({ session: { id: SESSION } });
      expect((await laptop.run(['pickup', '-y'])).code).toBe(3);
    });

    it('takes ten publishes by two machines in turn, and gives the last one', async () => {
      for (let i = 0; i < 10; i += 1) {
        const { seq, nodes } = await (i % 2 === 0 ? laptop : desk).json<{ seq: string; nodes: number }>(['publish']);
        expect(nodes).toBeGreaterThanOrEqual(8);
        const found = await laptop.run(['show', '-v']);
        expect(found.stderr).toContain(`newest seq ${seq}`);
      }
    }, 60_000);

    it('takes a handoff for somebody else back, although it replaced another one with compare-and-swap', async () => {
      const other = new Machine('other', network.bootstrap);
      const bob = await other.init();
      await laptop.json(['publish']);
      await laptop.json(['publish', '--share', bob]);
      await laptop.json(['publish', '--share', bob, '--ttl', '1h']);
      expect((await other.run(['show', await publicKeyOf(laptop)])).code).toBe(0);
      expect(await laptop.json(['revoke', '-y'])).toMatchObject({ revoked: true, older: 0 });
      expect((await other.run(['show', await publicKeyOf(laptop)])).code).toBe(3);
      other.remove();
    });
  });
}

const publicKeyOf = async (machine: Machine) => (await machine.json<{ publicKey: string }>(['whoami'])).publicKey;
