import { randomBytes } from 'node:crypto';
import type { Failure } from '../failure.ts';
import { type HostPort, namesIn, resolveBootstrap } from './bootstrap.ts';
import type { Deadline } from './deadline.ts';
import { KnownNodes } from './known-nodes.ts';
import { target } from './mutable-item.ts';
import { noAddress, noNetwork, timedOut } from './network-failure.ts';
import { Operation } from './operation.ts';
import { Rpc } from './rpc.ts';
import { walk } from './walk.ts';

/** How far this machine gets into the network. */
export interface NetworkProbe {
  /** The bootstrap nodes that are given by name, and those of the names without a usable address. */
  readonly names: readonly string[];
  readonly unresolved: readonly string[];
  /** Why no name leads anywhere; null if one does, or if there are none. */
  readonly noAddress: Failure | null;
  /** How many nodes were asked, and how many answered. */
  readonly asked: number;
  readonly answered: number;
  /** The median round trip; null if nobody answered. */
  readonly roundTripMs: number | null;
  /** What a command would fail with; null if it would find the nodes that it needs. */
  readonly failure: Failure | null;
  readonly milliseconds: number;
}

/**
 * Walks to a random place in the DHT, as a command would, from the bootstrap nodes and from the nodes kept in
 * `cacheFolder`. Stores nothing, neither there nor here. Never rejects.
 */
export async function probeNetwork(
  nodes: readonly HostPort[],
  cacheFolder: string,
  deadline: Deadline,
): Promise<NetworkProbe> {
  const startMs = performance.now();
  const publicKey = randomBytes(32);
  const operation = new Operation(deadline, undefined);
  const rpc = new Rpc();
  try {
    const bootstrap = resolveBootstrap(nodes, operation.signal);
    const known = KnownNodes.read(cacheFolder, nodes);
    const walked = await walk({
      rpc,
      id: randomBytes(20),
      publicKey,
      starts: known.startsFor(target(publicKey)),
      bootstrap,
      wasSilent: (address) => known.wasSilent(address),
      signal: operation.signal,
    });
    const milliseconds = performance.now() - startMs;
    await bootstrap.done;
    const { asked, answered, complete } = walked;
    const names = namesIn(nodes);
    return {
      names,
      unresolved: [...bootstrap.unresolved],
      noAddress: names.length > 0 && bootstrap.unresolved.length === names.length ? noAddress(bootstrap) : null,
      asked,
      answered,
      roundTripMs: rpc.medianRoundTripMs(),
      failure: complete ? noNetwork(walked, nodes, bootstrap) : timedOut(deadline.milliseconds, answered > 0),
      milliseconds,
    };
  } finally {
    operation.end();
    rpc.close();
  }
}
