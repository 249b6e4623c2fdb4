import { Failure } from '../failure.ts';
import { type Bootstrap, DEFAULT_BOOTSTRAP, type HostPort } from './bootstrap.ts';
import { LEAST_HOLDERS } from './store.ts';
import type { WalkResult } from './walk.ts';

/** Why a walk reached no network, as far as the causes can be told apart; null if it did. */
export function noNetwork(walked: WalkResult, bootstrap: readonly HostPort[], resolved: Bootstrap): Failure | null {
  if (walked.answered > 0) return inconclusive(walked, bootstrap === DEFAULT_BOOTSTRAP);
  if (resolved.addresses.length === 0) return noAddress(resolved);
  if (walked.unsent >= walked.asked) {
    return failure('This machine could not send to any node.', 'Check that it is online, and has an IPv4 address.');
  }
  if (bootstrap !== DEFAULT_BOOTSTRAP) {
    return failure(
      `None of the bootstrap nodes answered: ${bootstrap.map(({ host, port }) => `${host}:${port}`).join(', ')}.`,
      'Check that they run, or unset CCLINK_BOOTSTRAP to use the public ones; if they do run, UDP is blocked.',
    );
  }
  return failure(
    'No node of the network answered.',
    'UDP seems to be blocked here: try another network, such as a phone’s.',
  );
}

/** No bootstrap node has an address that a node can have. */
export function noAddress({ unresolved, misleading }: Bootstrap): Failure {
  if (misleading.length > 0) {
    const addresses = [...new Set(misleading)].slice(0, 4).join(', ');
    return failure(
      `The names of the bootstrap nodes lead to ${addresses}, where no node of the network can be.`,
      'Something here answers in their place, such as a filter or a page to sign in at. Sign in, allow these names, try another network, or set CCLINK_BOOTSTRAP to host:port.',
    );
  }
  return failure(
    `No address was found for ${unresolved.join(', ') || 'the bootstrap nodes'}: names do not resolve.`,
    'Check that this machine is online and that its name server works, or set CCLINK_BOOTSTRAP to host:port.',
  );
}

/** Why the nodes that answered can't rule out that there is a packet; null if they can. */
function inconclusive(walked: WalkResult, isPublic: boolean): Failure | null {
  const { answered, repliedBootstrapNodes, newest, nodes, closestUnreachable, namedSilent } = walked;
  if (newest !== null) return null;
  if (nodes.length === 0) {
    return failure(
      `${countOf(answered)} answered, but would not look anything up.`,
      isPublic ? 'Try again in a moment.' : 'Check that the nodes in CCLINK_BOOTSTRAP are nodes of the Mainline DHT.',
    );
  }
  // Public bootstrap nodes store nothing, and fewer nodes than a packet needs can't be the public network.
  const isEnough = nodes.length >= LEAST_HOLDERS && nodes.length > repliedBootstrapNodes;
  const isWhole = !isPublic && namedSilent === 0; // a private network may be that small
  if (!closestUnreachable && (isEnough || isWhole)) return null;
  const refused = answered - nodes.length;
  const how = refused === 0 ? 'are silent' : 'are silent or refuse';
  const others = namedSilent + refused === 0 ? '' : `: the other ${namedSilent + refused} that were asked ${how}`;
  return failure(
    `Only ${countOf(nodes.length)} answered, and none close to the key${others}.`,
    'Try again in a moment, or from another network: something on the way may let only a few packets through.',
  );
}

const countOf = (nodes: number) => (nodes === 1 ? '1 node' : `${nodes} nodes`);

/** The time ran out; `heard` is true if any node had answered. */
export function timedOut(limitMs: number, heard: boolean): Failure {
  const within = `within ${limitMs / 1000} s`;
  return failure(
    heard ? `The network answered, but not to the end ${within}.` : `No node answered ${within}.`,
    'Try again, or give it more time with --timeout.',
  );
}

export function tooFewHolders(holders: number, tried: number): Failure {
  const took = holders === 0 ? 'None' : `Only ${holders}`;
  return failure(
    `${took} of the ${tried} nodes near the key took the packet; it needs ${LEAST_HOLDERS} to last.`,
    'Try again in a moment; the same command may be repeated.',
  );
}

/** Somebody else keeps publishing under the same key. */
export function lostRace(): Failure {
  return failure(
    'Another machine publishes under the same key at the same moment.',
    'Wait until it is done, look what stands there, and try again.',
  );
}

const failure = (message: string, hint: string) => new Failure('network', message, hint);
