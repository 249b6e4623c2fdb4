import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { PeerNodes } from './peer-nodes.ts';

/** A network of nodes of other implementations. */
export interface ForeignNetwork {
  /** `host:port` of every node, and of the bootstrap nodes. */
  readonly nodes: readonly string[];
  readonly bootstrap: string;
  /** Nodes of Rust `mainline`, with clients that stop at the first value; null if there are none. */
  readonly mainline: PeerNodes | null;
  close(): Promise<void>;
}

/** Two nodes of each kind. */
const some = (...kinds: (readonly string[])[]) => kinds.flatMap((addresses) => addresses.slice(0, 2)).join(',');

/** A network of nodes of one kind. */
export async function networkOf(kind: 'mainline' | 'anacrolix', nodes: number): Promise<ForeignNetwork> {
  const all = await PeerNodes.start(kind, nodes);
  const { addresses } = all;
  return {
    nodes: addresses,
    bootstrap: some(addresses),
    mainline: kind === 'mainline' ? all : null,
    close: () => all.close(),
  };
}

/**
 * A network of bittorrent-dht, libtorrent, anacrolix/dht and Rust `mainline`.
 *
 * Later nodes know the earlier ones. `mainline` nodes never learn of later nodes, so they come last.
 */
export async function mixedNetwork(): Promise<ForeignNetwork> {
  const closing: { close(): Promise<void> }[] = [];
  const started = <T extends { close(): Promise<void> }>(nodes: T): T => {
    closing.push(nodes);
    return nodes;
  };
  const bittorrent: PrivateNetwork = started(await startPrivateNetwork({ nodes: 6 }));
  const libtorrent = started(await PeerNodes.start('libtorrent', 6, bittorrent.bootstrap));
  const known = [bittorrent.bootstrap, ...libtorrent.addresses].join(',');
  const anacrolix = started(await PeerNodes.start('anacrolix', 6, known));
  const mainline = started(await PeerNodes.start('mainline', 8, [known, ...anacrolix.addresses].join(',')));
  const first = bittorrent.addresses;
  return {
    nodes: [...first, ...libtorrent.addresses, ...anacrolix.addresses, ...mainline.addresses],
    bootstrap: some(first, libtorrent.addresses, anacrolix.addresses, mainline.addresses),
    mainline,
    close: async () => {
      for (const one of closing.toReversed()) await one.close();
    },
  };
}
