import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Dht } from '../../src/dht/client.ts';
import { EMPTY_PACKET, encodePacket, MAX_VALUE_WRITTEN, parsePacket } from '../../src/dht/dns-packet.ts';
import { getQuery, putQuery, type Reply } from '../../src/dht/krpc.ts';
import { type MutableItem, signItem, target } from '../../src/dht/mutable-item.ts';
import { startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Rpc } from '../../src/dht/rpc.ts';
import { Store, type StoreReport } from '../../src/dht/store.ts';
import type { AnsweredNode } from '../../src/dht/walk.ts';
import { History } from '../../src/handoff/history.ts';
import { lookUp } from '../../src/handoff/lookup.ts';
import { openRecord } from '../../src/handoff/open.ts';
import { type Handoff, publish } from '../../src/handoff/publish.ts';
import { revoke } from '../../src/handoff/revoke.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { clientForTest } from '../support/closed-after-test.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { missingLibtorrent } from './libtorrent-program.ts';
import { PYTHON } from './peer-nodes.ts';
import { PeerProcess } from './peer-process.ts';
import { describePeer } from './peer-programs.ts';

const SCRIPT = fileURLToPath(new URL('./libtorrent-peer.py', import.meta.url));
const NOW = 1_790_000_000_000;
const HANDOFF: Handoff = {
  audience: { mode: 'self' },
  burn: false,
  ttl: 86_400,
  payload: { host: 'laptop', project: '/home/alice/proj', session: '11111111-1111-4111-8111-111111111111' },
};

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

/** Nodes of libtorrent's DHT in one process. */
class Libtorrent {
  /** Where they listen on 127.0.0.1. */
  readonly ports: readonly number[];
  private readonly process: PeerProcess;

  private constructor(process: PeerProcess, ports: readonly number[]) {
    this.process = process;
    this.ports = ports;
  }

  /**
   * Starts nodes that know each other and the bootstrap nodes (`host:port`, separated by commas), until the
   * test ends.
   */
  static async start(nodes: number, bootstrap: string): Promise<Libtorrent> {
    const process = new PeerProcess(PYTHON, [SCRIPT, String(nodes), bootstrap]);
    onTestFinished(() => process.close());
    const { ports } = await process.ask<{ ports: number[] }>({ request: 'ports' });
    return new Libtorrent(process, ports);
  }

  /** What the first node finds under a key (32 bytes): `value` in hexadecimal, null if there is none. */
  get(publicKey: Uint8Array): Promise<{ seq: number; value: string | null }> {
    return this.process.ask({ request: 'get', key: hex(publicKey) });
  }

  /**
   * Has the first node put a value under an identity's key, with a `seq` that it chooses. `nodes`: how many
   * took it.
   */
  put({ publicKey, seed }: Identity, value: Uint8Array): Promise<{ seq: number; nodes: number }> {
    return this.process.ask({ request: 'put', key: hex(publicKey), seed: hex(seed), value: hex(value) });
  }
}

describePeer('libtorrent', missingLibtorrent(), () => {
  let keys = 0;
  let identity: Identity;

  beforeEach(() => {
    keys += 1;
    identity = identityOf(new Uint8Array(32).fill(keys));
  });

  const signed = (seq: number, value: Uint8Array) => signItem(identity.seed, identity.publicKey, seq, value);

  describe('in a network with nodes of bittorrent-dht', () => {
    it('finds the handoff that we published, and nothing of it after we took it back', async () => {
      const { libtorrent, dht } = await mixedNetwork();
      const options = { now: () => NOW, history: new History(temporaryFolder()) };
      const { record, seq } = await publish(dht, identity, HANDOFF, options);
      const packet = encodePacket(HANDOFF_TXT.write(EMPTY_PACKET, encodePublicKey(identity.publicKey), record.text));
      expect(await libtorrent.get(identity.publicKey)).toEqual({ seq, value: hex(packet) });

      await revoke(dht, identity, record.text, options);
      const left = await libtorrent.get(identity.publicKey);
      expect(left?.value).toBe('000080000000000000000000');
      expect(left?.seq).toBeGreaterThan(seq);
    });

    it('holds and finds a packet of 996 bytes, the largest that we write, and its nodes count among the holders', async () => {
      const { libtorrent, dht } = await mixedNetwork();
      const name = encodePublicKey(identity.publicKey);
      const packet = encodePacket(HANDOFF_TXT.write(EMPTY_PACKET, name, 'x'.repeat(908)));
      expect(packet).toHaveLength(MAX_VALUE_WRITTEN);
      const { holders: nodes } = await dht.put(signed(NOW, packet));
      expect(nodes).toBeGreaterThanOrEqual(8);
      const replies = await Promise.all(libtorrent.ports.map((port) => askNode(port, identity.publicKey)));
      const holders = replies.filter(({ item }) => item?.seq === NOW && hex(item.value) === hex(packet));
      // Only 4 of the 12 nodes are bittorrent-dht's.
      expect(holders.length).toBeGreaterThanOrEqual(4);
      expect(await libtorrent.get(identity.publicKey)).toEqual({ seq: NOW, value: hex(packet) });
    });

    it('puts values of up to 1000 bytes that we resolve', async () => {
      const { libtorrent, dht } = await mixedNetwork();
      for (const [i, length] of [0, 1, 996, 1000].entries()) {
        const value = randomBytes(length);
        const { seq, nodes } = await libtorrent.put(identity, value);
        expect(nodes).toBeGreaterThan(0);
        expect(seq).toBe(i + 1);
        const { newest } = await dht.resolve(identity.publicKey);
        expect(newest?.seq).toBe(seq);
        expect(hex(newest?.value)).toBe(hex(value));
      }
    });
  });

  describe('as the only nodes of a network', () => {
    it('carries a handoff from publishing to opening to taking it back', async () => {
      const { dht } = await libtorrentNetwork();
      const options = { now: () => NOW, history: new History(temporaryFolder()) };
      const { record, nodes } = await publish(dht, identity, HANDOFF, options);
      expect(nodes).toBeGreaterThanOrEqual(8);
      const found = (await lookUp(dht, identity.publicKey)).record;
      expect(found && (await openRecord(found, identity))).toEqual(HANDOFF.payload);
      expect(await revoke(dht, identity, record.text, options)).toMatchObject({ nodes: 10, older: 0 });
      expect((await lookUp(dht, identity.publicKey)).record).toBeNull();
    });

    it('has our handoff take the place of what it put, beside the records that were there', async () => {
      const { libtorrent, dht } = await libtorrentNetwork();
      const site = { type: 1, class: 1, ttl: 300, data: Uint8Array.of(203, 0, 113, 7), compressed: false };
      const owner = [Buffer.from('site'), Buffer.from(encodePublicKey(identity.publicKey))];
      const { seq: before } = await libtorrent.put(identity, encodePacket({ records: [{ owner, ...site }] }));
      const { record, seq } = await publish(dht, identity, HANDOFF, {
        now: () => NOW,
        history: new History(temporaryFolder()),
      });
      expect(seq).toBeGreaterThan(before);
      const { value } = await libtorrent.get(identity.publicKey);
      const packet = parsePacket(Buffer.from(value ?? '', 'hex'));
      expect(packet.records).toHaveLength(2);
      expect(packet.records[0]?.data).toEqual(site.data);
      expect(HANDOFF_TXT.read(packet, encodePublicKey(identity.publicKey))).toBe(record.text);
    });

    it('puts on top of what we put, and we resolve that', async () => {
      const { libtorrent, dht } = await libtorrentNetwork();
      const { nodes } = await dht.resolve(identity.publicKey);
      const { holders } = await storeAs(farFrom(identity), signed(NOW, Buffer.from('ours')), nodes);
      expect(holders).toBeGreaterThanOrEqual(8);
      expect(await libtorrent.put(identity, Buffer.from('theirs'))).toEqual({ seq: NOW + 1, nodes: 8 });
      const { newest } = await dht.resolve(identity.publicKey);
      expect(newest?.seq).toBe(NOW + 1);
      expect(text(newest?.value)).toBe('theirs');
    });

    it('takes the packet again that it holds already', async () => {
      const { dht } = await libtorrentNetwork();
      const ours = signed(NOW, Buffer.from('ours'));
      await dht.put(ours);
      const { holders } = await dht.put(ours);
      expect(holders).toBeGreaterThanOrEqual(8);
    });

    it('keeps our put from overwriting what it put meanwhile, where that compares and swaps', async () => {
      const { libtorrent, dht } = await libtorrentNetwork(8);
      expect(await libtorrent.put(identity, Buffer.from('first'))).toEqual({ seq: 1, nodes: 8 });
      const from = await dht.resolve(identity.publicKey);
      await libtorrent.put(identity, Buffer.from('second'));
      const { overtakenBy } = await dht.put(signed(NOW, Buffer.from('ours')), { from, condition: 'unchanged' });
      expect(text(overtakenBy?.value)).toBe('second');
      expect((await libtorrent.get(identity.publicKey)).seq).toBe(2);
    });

    it('refuses a value of more than 996 bytes, which is why we write none', async () => {
      const { libtorrent, dht } = await libtorrentNetwork();
      const [port = 0] = libtorrent.ports;
      const { token } = await askNode(port, identity.publicKey);
      const put = (length: number) => {
        const query = putQuery(randomBytes(20), signed(NOW, new Uint8Array(length)), token ?? new Uint8Array(), null);
        return rpc.request({ host: '127.0.0.1', port }, query);
      };
      for (const length of [997, 998, 999, 1000]) {
        expect(await put(length)).toMatchObject({ kind: 'error', code: 205, message: 'message too big' });
      }
      expect((await askNode(port, identity.publicKey)).item).toBeNull();
      expect(await put(996)).toMatchObject({ kind: 'reply' });
      expect((await askNode(port, identity.publicKey)).item?.value).toHaveLength(996);

      const { holders, refusal } = await dht.put(signed(NOW + 1, new Uint8Array(997)));
      expect([holders, refusal]).toEqual([0, '205 message too big']);
    });
  });
});

const rpc = new Rpc();
afterAll(() => rpc.close());

/** 4 nodes of bittorrent-dht, 8 of libtorrent, and a client of ours, until the test ends. */
async function mixedNetwork(): Promise<{ libtorrent: Libtorrent; dht: Dht }> {
  const network = await startPrivateNetwork({ nodes: 4 });
  onTestFinished(() => network.close());
  const libtorrent = await Libtorrent.start(8, network.bootstrap);
  return { libtorrent, dht: clientForTest(network.bootstrap) };
}

/** Nodes of libtorrent, and a client of ours, until the test ends. */
async function libtorrentNetwork(nodes = 10): Promise<{ libtorrent: Libtorrent; dht: Dht }> {
  const libtorrent = await Libtorrent.start(nodes, '');
  return { libtorrent, dht: clientForTest(`127.0.0.1:${libtorrent.ports[0]}`) };
}

/** Puts an item to nodes, acting as the node `id` (20 bytes). */
function storeAs(id: Uint8Array, item: MutableItem, nodes: readonly AnsweredNode[]): Promise<StoreReport> {
  const { signal } = new AbortController();
  const store = new Store({ rpc, id, item, base: -1, condition: 'older', isContested: false, signal });
  store.consider(nodes);
  store.endOfNodes();
  return store.settled;
}

/** What a node itself answers to a `get` for a key (32 bytes). */
async function askNode(port: number, publicKey: Uint8Array): Promise<Reply> {
  const answer = await rpc.request({ host: '127.0.0.1', port }, getQuery(randomBytes(20), target(publicKey)));
  if (typeof answer === 'string' || answer.kind === 'error') throw new Error('the node did not answer');
  return answer;
}

/**
 * The node id farthest from an identity's key. libtorrent takes anybody who puts for a node; if that one is
 * among the closest to the key and silent, it delays the next look-up by 15 s.
 */
const farFrom = ({ publicKey }: Identity) => target(publicKey).map((byte) => byte ^ 0xff);
