import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { type ErrorReply, getQuery, putQuery, type Reply } from '../../src/dht/krpc.ts';
import { type MutableItem, signItem, target } from '../../src/dht/mutable-item.ts';
import { EMPTY_PACKET, encodePacket, MAX_VALUE_WRITTEN, withCclinkText } from '../../src/dht/packet.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private-network.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { lookUp } from '../../src/handoff/lookup.ts';
import { openRecord } from '../../src/handoff/open.ts';
import { type Handoff, publish } from '../../src/handoff/publish.ts';
import { revoke } from '../../src/handoff/revoke.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { PeerProcess } from './peer-process.ts';
import { describePeer } from './peer-programs.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('./libtorrent-peer.py', import.meta.url));
const NOW = 1_790_000_000_000;
const HANDOFF: Handoff = {
  audience: { mode: 'self' },
  burn: false,
  ttl: 86_400,
  payload: { host: 'laptop', project: '/home/alice/proj', session: '11111111-1111-4111-8111-111111111111' },
};

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

/** Nodes of libtorrent's DHT in one process. */
class Libtorrent {
  readonly ports: readonly number[];
  private readonly process: PeerProcess;

  private constructor(process: PeerProcess, ports: readonly number[]) {
    this.process = process;
    this.ports = ports;
  }

  /** Starts nodes that know each other and the bootstrap nodes (`host:port`, separated by commas). */
  static async start(nodes: number, bootstrap: string): Promise<Libtorrent> {
    const process = new PeerProcess(PYTHON, [SCRIPT, String(nodes), bootstrap]);
    const { ports } = await process.ask<{ ports: number[] }>({ request: 'ports' });
    return new Libtorrent(process, ports);
  }

  /** What a node's look-up of a key (32 bytes) finds: `value` in hexadecimal, null if there is none. */
  get(publicKey: Uint8Array, node = 0): Promise<{ seq: number; value: string | null }> {
    return this.process.ask({ request: 'get', node, key: hex(publicKey) });
  }

  /** Has a node put a value under an identity's key, with a `seq` of its own choice. `nodes`: how many took it. */
  put({ publicKey, seed }: Identity, value: Uint8Array): Promise<{ seq: number; nodes: number }> {
    return this.process.ask({ request: 'put', node: 0, key: hex(publicKey), seed: hex(seed), value: hex(value) });
  }

  close(): Promise<void> {
    return this.process.close();
  }
}

describePeer('libtorrent (python3-libtorrent)', isInstalled(), () => {
  let keys = 0;
  let identity: Identity;
  let stateFolder: string;
  let rpc: Rpc;
  const id = randomBytes(20);

  beforeAll(() => {
    stateFolder = mkdtempSync(join(tmpdir(), 'cclink-test-'));
    rpc = new Rpc();
  });
  beforeEach(() => {
    keys += 1;
    identity = identityOf(new Uint8Array(32).fill(keys));
  });
  afterAll(() => {
    rpc.close();
    rmSync(stateFolder, { recursive: true });
  });

  /** What a node itself answers to a `get` for the identity's key. */
  async function ask(port: number): Promise<Reply> {
    const answer = await rpc.request({ host: '127.0.0.1', port }, getQuery(id, target(identity.publicKey)));
    if (typeof answer === 'string' || answer.kind === 'error') throw new Error('the node did not answer');
    return answer;
  }

  /** How many of these nodes hold exactly this item. */
  async function holders(ports: readonly number[], { seq, value }: MutableItem): Promise<number> {
    const replies = await Promise.all(ports.map(ask));
    return replies.filter(({ item }) => item?.seq === seq && hex(item.value) === hex(value)).length;
  }

  const signed = (seq: number, value: Uint8Array) => signItem(identity.seed, identity.publicKey, seq, value);

  /** A packet with a handoff of as many bytes as we write at the most. */
  const largestPacket = () =>
    encodePacket(withCclinkText(EMPTY_PACKET, encodePublicKey(identity.publicKey), 'x'.repeat(908)));

  describe('in a network with nodes of bittorrent-dht', () => {
    let network: PrivateNetwork;
    let libtorrent: Libtorrent;
    let dht: Dht;

    beforeAll(async () => {
      network = await startPrivateNetwork({ nodes: 4 });
      libtorrent = await Libtorrent.start(8, network.bootstrap);
      dht = openDht({ bootstrap: parseBootstrap(network.bootstrap), timeoutMs: 10_000 });
    });
    afterAll(async () => {
      dht?.close();
      await libtorrent?.close();
      await network?.close();
    });

    it('finds the handoff that we published, and again nothing of it after we took it back', async () => {
      const { record, seq } = await publish(dht, identity, HANDOFF, { now: NOW, stateFolder });
      const packet = encodePacket(withCclinkText(EMPTY_PACKET, encodePublicKey(identity.publicKey), record.text));
      expect(await libtorrent.get(identity.publicKey)).toEqual({ seq, value: hex(packet) });

      await revoke(dht, identity, record.text, { now: NOW, stateFolder });
      expect(await libtorrent.get(identity.publicKey, 1)).toEqual({ seq: seq + 1, value: '000080000000000000000000' });
    });

    it('holds our packets, and those nodes count among the ones that hold them', async () => {
      const { item, nodes } = await dht.update(identity.publicKey, () => signed(NOW, Buffer.from('ours')));
      expect(nodes).toBeGreaterThanOrEqual(8);
      // Only 4 of the 12 nodes are bittorrent-dht's.
      expect(await holders(libtorrent.ports, item as MutableItem)).toBeGreaterThanOrEqual(4);
    });

    it('finds and holds a packet of 996 bytes, the largest that we write', async () => {
      const packet = largestPacket();
      expect(packet).toHaveLength(MAX_VALUE_WRITTEN);
      const { item, nodes } = await dht.update(identity.publicKey, () => signed(NOW, packet));
      expect(nodes).toBeGreaterThanOrEqual(8);
      expect(await holders(libtorrent.ports, item as MutableItem)).toBeGreaterThanOrEqual(4);
      expect(await libtorrent.get(identity.publicKey)).toEqual({ seq: NOW, value: hex(packet) });
    });

    it.each([0, 1, 996, 1000])('puts a value of %i bytes that we resolve', async (length) => {
      const value = randomBytes(length);
      const put = await libtorrent.put(identity, value);
      expect(put.nodes).toBeGreaterThan(0);
      const { newest } = await dht.resolve(identity.publicKey);
      expect(newest?.seq).toBe(put.seq);
      expect(hex(newest?.value)).toBe(hex(value));
    });

    it('and we replace what the other put, in turn, and both find the newest', async () => {
      const packet = encodePacket(EMPTY_PACKET);
      const first = await libtorrent.put(identity, packet);
      const { record, seq } = await publish(dht, identity, HANDOFF, { now: NOW, stateFolder });
      expect(seq).toBeGreaterThan(first.seq);
      expect((await libtorrent.get(identity.publicKey)).seq).toBe(seq);

      const second = await libtorrent.put(identity, packet);
      expect(second.seq).toBe(seq + 1);
      expect((await lookUp(dht, identity.publicKey)).record).toBeNull();

      const third = await publish(dht, identity, HANDOFF, { now: NOW, stateFolder });
      expect(third.seq).toBe(second.seq + 1);
      expect(third.record.text).not.toBe(record.text);
      expect((await lookUp(dht, identity.publicKey)).record?.text).toBe(third.record.text);
    });
  });

  describe('as the only nodes of a network', () => {
    let libtorrent: Libtorrent;
    let dht: Dht;

    beforeAll(async () => {
      libtorrent = await Libtorrent.start(10, '');
      const bootstrap = libtorrent.ports.slice(0, 3).map((port) => ({ host: '127.0.0.1', port }));
      dht = openDht({ bootstrap, timeoutMs: 10_000 });
    });
    afterAll(async () => {
      dht?.close();
      await libtorrent?.close();
    });

    it('carries a handoff from publishing to opening to taking it back', async () => {
      const { record, nodes } = await publish(dht, identity, HANDOFF, { now: NOW, stateFolder });
      expect(nodes).toBeGreaterThanOrEqual(8);
      const found = (await lookUp(dht, identity.publicKey)).record;
      expect(found && (await openRecord(found, identity))).toEqual(HANDOFF.payload);
      expect(await revoke(dht, identity, record.text, { now: NOW, stateFolder })).toBeGreaterThanOrEqual(8);
      expect((await lookUp(dht, identity.publicKey)).record).toBeNull();
    });

    it('takes the packet again that it holds already', async () => {
      await dht.update(identity.publicKey, () => signed(NOW, Buffer.from('ours')));
      const { item, nodes } = await dht.update(identity.publicKey, (newest) => newest);
      expect(item?.seq).toBe(NOW);
      expect(nodes).toBeGreaterThanOrEqual(8);
    });

    it('keeps our update from overwriting what somebody else put meanwhile', async () => {
      await dht.update(identity.publicKey, () => signed(NOW, Buffer.from('base')));
      const builtOn: (number | undefined)[] = [];
      const { nodes } = await dht.update(identity.publicKey, async (newest) => {
        builtOn.push(newest?.seq);
        if (builtOn.length === 1) await libtorrent.put(identity, Buffer.from('theirs'));
        return signed(NOW + 1000, Buffer.from(`on ${hex(newest?.value)}`));
      });
      expect(builtOn).toEqual([NOW, NOW + 1]);
      expect(nodes).toBeGreaterThanOrEqual(8);
      const { newest } = await dht.resolve(identity.publicKey);
      expect(String(newest && Buffer.from(newest.value))).toBe(`on ${hex(Buffer.from('theirs'))}`);
    });

    it('refuses a value of more than 996 bytes, which is why we write no larger one', async () => {
      const [port = 0] = libtorrent.ports;
      const { token } = await ask(port);
      const put = async (length: number): Promise<Reply | ErrorReply> => {
        const query = putQuery(id, signed(length, new Uint8Array(length)), token as Uint8Array, null);
        const answer = await rpc.request({ host: '127.0.0.1', port }, query);
        if (typeof answer === 'string') throw new Error('the node did not answer');
        return answer;
      };
      for (const length of [997, 998, 999, 1000]) {
        expect(await put(length)).toMatchObject({ kind: 'error', code: 205, message: 'message too big' });
        expect((await ask(port)).item).toBeNull();
      }
      expect(await put(996)).toMatchObject({ kind: 'reply' });
      expect((await ask(port)).item?.value).toHaveLength(996);
    });

    it('makes an update with a value of 1000 bytes fail instead of letting it seem published', async () => {
      const update = dht.update(identity.publicKey, () => signed(NOW, new Uint8Array(1000)));
      await expect(update).rejects.toMatchObject({ code: 'network' });
      expect((await dht.resolve(identity.publicKey)).newest).toBeNull();
    });
  });
});

function isInstalled(): boolean {
  return spawnSync(PYTHON, ['-c', 'import libtorrent'], { stdio: 'ignore' }).status === 0;
}
