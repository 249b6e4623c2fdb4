import { promises as dns } from 'node:dns';
import { isIPv4 } from 'node:net';
import { Failure } from '../failure.ts';
import type { Address } from './krpc.ts';
import { isHostAddress, isLocalAddress } from './node-address.ts';

/** A node: its host name or IPv4 address, and its port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** The nodes that a walk through the Mainline DHT starts from. */
export const DEFAULT_BOOTSTRAP: readonly HostPort[] = [
  { host: 'router.bittorrent.com', port: 6881 },
  { host: 'router.utorrent.com', port: 6881 },
  { host: 'dht.transmissionbt.com', port: 6881 },
  { host: 'dht.libtorrent.org', port: 25401 },
  { host: 'relay.pkarr.org', port: 6881 },
];

/** How long looking up all names together may take. */
const NAME_LIMIT_MS = 1500;

/** The nodes in `CCLINK_BOOTSTRAP`, by default those of the Mainline DHT. Throws like `parseBootstrap`. */
export function bootstrapNodes(text: string | undefined): readonly HostPort[] {
  return text === undefined ? DEFAULT_BOOTSTRAP : parseBootstrap(text);
}

/** Parses `CCLINK_BOOTSTRAP`: `host:port`, separated by commas. Throws `usage` for anything else. */
export function parseBootstrap(text: string): HostPort[] {
  const nodes = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [, host, digits] = /^([a-z0-9._-]+):([0-9]{1,5})$/i.exec(part) ?? [];
      const port = Number(digits);
      if (host === undefined || port < 1 || port > 65535) throw unreadable(part);
      return { host, port };
    });
  if (nodes.length === 0) throw unreadable(text);
  return nodes;
}

function unreadable(part: string): Failure {
  return new Failure(
    'usage',
    `CCLINK_BOOTSTRAP holds “${part}”, which is not host:port.`,
    'Write it as in CCLINK_BOOTSTRAP=127.0.0.1:20001,127.0.0.1:20002',
  );
}

/** The hosts of the nodes that must be looked up: all but addresses and `localhost`. */
export function namesIn(nodes: readonly HostPort[]): string[] {
  return nodes.map(({ host }) => host).filter((host) => !isIPv4(host) && host.toLowerCase() !== 'localhost');
}

/** The addresses of the bootstrap nodes, as they are found. */
export interface Bootstrap {
  /** Grows until `done`. */
  readonly addresses: readonly Address[];
  /** The names without a usable IPv4 address, or without one in time. Grows until `done`. */
  readonly unresolved: readonly string[];
  /** Where those names lead, if anywhere: addresses that no node can have. Grows until `done`. */
  readonly misleading: readonly string[];
  /** Calls `found` with every address, those already known at once, until the returned function is called. */
  each(found: (address: Address) => void): () => void;
  /** Fulfilled once no more addresses can come. Never rejects. */
  readonly done: Promise<void>;
}

/** For a walk that continues another one. */
export const NO_BOOTSTRAP: Bootstrap = {
  addresses: [],
  unresolved: [],
  misleading: [],
  each: () => () => {},
  done: Promise.resolve(),
};

/**
 * Looks up the names of the bootstrap nodes, all at once, for at most 1.5 s, and uses at most 4 addresses of
 * each. Addresses and `localhost` need no look-up.
 *
 * Names in `DEFAULT_BOOTSTRAP` count only if they resolve to public addresses: a DNS sinkhole must not look
 * like a network that drops UDP. Names that the user set may resolve to anything.
 *
 * `signal` ends the look-up early. `nameServers` is for tests.
 */
export function resolveBootstrap(
  nodes: readonly HostPort[],
  signal: AbortSignal,
  nameServers?: readonly string[],
): Bootstrap {
  const addresses: Address[] = [];
  const unresolved: string[] = [];
  const misleading: string[] = [];
  const listeners = new Set<(address: Address) => void>();
  const found = (address: Address) => {
    addresses.push(address);
    for (const listener of listeners) listener(address);
  };
  const names: HostPort[] = [];
  for (const { host, port } of nodes) {
    if (isIPv4(host)) found({ host, port });
    else if (host.toLowerCase() === 'localhost') found({ host: '127.0.0.1', port });
    else names.push({ host, port });
  }
  let end = () => {};
  const over = new Promise<string[]>((resolve) => {
    end = () => resolve([]);
  });
  const timer = setTimeout(end, NAME_LIMIT_MS);
  signal.addEventListener('abort', end, { once: true });
  const lookUps = names.map(async ({ host, port }) => {
    const all = await Promise.race([over, addressesOf(host, signal, over, nameServers)]);
    const usable = all.filter(nodes === DEFAULT_BOOTSTRAP ? isPublic : isIPv4);
    for (const address of usable.slice(0, 4)) found({ host: address, port });
    if (usable.length > 0) return;
    unresolved.push(host);
    misleading.push(...all);
  });
  return {
    addresses,
    unresolved,
    misleading,
    each(listener) {
      for (const address of addresses) listener(address);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    done: Promise.all(lookUps).then(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }),
  };
}

/** True for an IPv4 address that a node on the Internet can have. */
const isPublic = (address: string) => isIPv4(address) && isHostAddress(address) && !isLocalAddress(address);

/**
 * The IPv4 addresses of a name; where it has none, its others, which only explain why. The query is cancelled
 * when `over` is fulfilled.
 */
async function addressesOf(
  host: string,
  signal: AbortSignal,
  over: Promise<unknown>,
  nameServers?: readonly string[],
): Promise<string[]> {
  if (signal.aborted) return [];
  const resolver = new dns.Resolver({ timeout: 500, tries: 3 });
  if (nameServers !== undefined) resolver.setServers(nameServers);
  void over.then(() => resolver.cancel());
  try {
    return await resolver.resolve4(host);
  } catch (error) {
    // The system resolver knows more names (/etc/hosts), but it can't be cancelled and keeps the process
    // alive for as long as a silent name server makes it wait. So it is asked only if that answered.
    const silent = signal.aborted || ['ECANCELLED', 'ETIMEOUT'].includes((error as NodeJS.ErrnoException).code ?? '');
    return silent ? [] : await systemAddresses(host);
  }
}

async function systemAddresses(host: string): Promise<string[]> {
  try {
    return (await dns.lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}
