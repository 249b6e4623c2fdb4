import { randomBytes } from 'node:crypto';
import type DHT from 'bittorrent-dht';
import type { PutQuery } from 'bittorrent-dht';
import { verify } from '../../crypto/ed25519.ts';
import { keyOf } from '../krpc.ts';
import { target } from '../mutable-item.ts';
import { guardedSocket } from './node-guard.ts';

/** A separate DHT on this machine, for the demo and the tests. */
export interface PrivateNetwork {
  /** The value for CCLINK_BOOTSTRAP: `127.0.0.1:port` of up to three nodes, separated by commas. */
  readonly bootstrap: string;
  /** `127.0.0.1:port` of every node. */
  readonly addresses: readonly string[];
  /** Stops all nodes. */
  close(): Promise<void>;
}

/** As many as a Mainline node returns. If it returned all it knows, every walk would end after two steps. */
const NODES_PER_REPLY = 8;

/**
 * Starts a private DHT of real bittorrent-dht nodes in this process, on UDP. It is ready when returned.
 *
 * The first node listens on `port` if given. Throws the socket's error if it can't.
 */
export async function startPrivateNetwork(
  options: { nodes?: number; port?: number; host?: string } = {},
): Promise<PrivateNetwork> {
  const { nodes: count = 20, port = 0, host = '127.0.0.1' } = options;
  // Imported only here, because it is a megabyte of library.
  const StorageNode = storageNode((await import('bittorrent-dht')).default);
  const nodes: DHT[] = [];
  const close = async () => {
    await Promise.all(nodes.map((node) => new Promise<void>((closed) => node.destroy(closed))));
  };
  try {
    for (let i = 0; i < count; i += 1) {
      const node = new StorageNode();
      nodes.push(node);
      await listen(node, i === 0 ? port : 0, host);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const contacts = nodes.map((node) => ({ id: node.nodeId, host, port: node.address().port }));
  for (const node of nodes)
    for (const contact of contacts) if (contact.id !== node.nodeId) node.addNode({ ...contact });
  const addresses = contacts.map(keyOf);
  return { bootstrap: addresses.slice(0, 3).join(','), addresses, close };
}

function listen(node: DHT, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    node.once('error', reject);
    node.listen(port, host, () => {
      node.off('error', reject);
      node.on('error', () => {}); // a datagram that could not be sent is lost, as on any network
      resolve();
    });
  });
}

/** A bittorrent-dht node that stores mutable items and follows BEP 44 where the library does not. */
function storageNode(Base: typeof DHT) {
  return class StorageNode extends Base {
    constructor() {
      super({
        bootstrap: false,
        nodeId: randomBytes(20),
        socket: guardedSocket(),
        verify: (signature, message, publicKey) => verify(publicKey, message, signature),
      });
      const { nodes } = this;
      const closest = nodes.closest.bind(nodes);
      nodes.closest = (id, n = NODES_PER_REPLY) => closest(id, n);
    }

    /** The library refuses a packet that it already holds; BEP 44 asks nodes to accept it again. */
    protected override _onput(query: PutQuery, peer: { address: string; port: number }): void {
      const { k, salt, seq, sig, token, v, cas } = query.a;
      const held = this._values.get(Buffer.from(target(Buffer.concat([k, salt ?? Buffer.alloc(0)]))).toString('hex'));
      const isHeld = held?.sig !== undefined && held.seq === seq && sig.equals(held.sig) && v.equals(held.v);
      if (isHeld && (cas === undefined || cas === seq) && this._validateToken(peer.address, token)) {
        this._rpc.response(peer, query, { id: this.nodeId });
        return;
      }
      super._onput(query, peer);
    }
  };
}
