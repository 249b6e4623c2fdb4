/** The parts of bittorrent-dht 11 that the private network uses. */
declare module 'bittorrent-dht' {
  import type { EventEmitter } from 'node:events';

  interface Contact {
    id: Uint8Array;
    host: string;
    port: number;
  }

  interface StoredItem {
    v: Uint8Array;
    sig?: Uint8Array;
    seq?: number;
  }

  interface Peer {
    address: string;
    port: number;
  }

  interface PutQuery {
    t: Uint8Array;
    a: { k: Buffer; salt?: Buffer; seq: number; cas?: number; sig: Buffer; token: Buffer; v: Buffer };
  }

  export default class DHT extends EventEmitter {
    constructor(options: {
      bootstrap: false;
      nodeId: Uint8Array;
      verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;
      socket: unknown;
    });

    readonly nodeId: Uint8Array;
    readonly nodes: { closest(id: Uint8Array, count?: number): Contact[] };
    protected readonly _values: { get(key: string): StoredItem | undefined };
    protected readonly _rpc: {
      response(peer: Peer, query: PutQuery, body: { id: Uint8Array }): void;
      error(peer: Peer, query: PutQuery, error: [number, string]): void;
    };

    address(): { address: string; port: number };
    addNode(node: Contact): void;
    listen(port: number, address: string, listening: () => void): void;
    destroy(closed: () => void): void;
    protected _onput(query: PutQuery, peer: Peer): void;
    protected _validateToken(host: string, token: Uint8Array): boolean;
  }
}
