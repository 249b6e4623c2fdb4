import { type ErrorReply, getQuery, putQuery, type Reply } from './krpc.ts';
import { type MutableItem, sameItem, target, verifyItem } from './mutable-item.ts';
import type { NoAnswer, Rpc } from './rpc.ts';
import type { AnsweredNode } from './walk.ts';

/** On how many nodes a packet must be confirmed for the work to be done. */
export const ENOUGH = 8;
/** To how many nodes it is put at once. */
const AT_ONCE = 12;
/** How many of the closest nodes are tried. */
export const MOST_TRIED = 20;
/** Fewer holders than this are not a publication: as long as one is missing, late nodes are waited for. */
export const LEAST_HOLDERS = 3;

/** What became of a packet that was put to the closest nodes. */
export interface StoreResult {
  /** How many nodes gave exactly this packet back when asked for it. */
  readonly holders: number;
  /** How many nodes it was put to. */
  readonly tried: number;
  /** A verified item of the key that someone else published meanwhile; null if none was met. */
  readonly overtakenBy: MutableItem | null;
  /** What the last node that refused it said; null if none did. Written by a stranger. */
  readonly refusal: string | null;
}

/**
 * Puts an item to the closest of `nodes` that gave a token (BEP 44), each with the `seq` that it reported as `cas`, and reads it
 * back from each. Done when 8 hold it, when all have answered or passed their limit, or when someone else published.
 *
 * `base` is the `seq` that the item was built on, -1 if on nothing: a newer one on a node means that someone else was quicker.
 * A node's word is not enough for that, nor for holding it: only what it gives back counts. Never rejects.
 */
export function store(
  rpc: Rpc,
  id: Uint8Array,
  item: MutableItem,
  base: number,
  nodes: readonly AnsweredNode[],
  signal: AbortSignal,
): Promise<StoreResult> {
  const place = target(item.publicKey);
  const queue = nodes.filter(({ token }) => token !== null).slice(0, MOST_TRIED);
  let holders = 0;
  let tried = 0;
  /** How many nodes have not answered to the end, and how many of those are still within their limit. */
  let out = 0;
  let inTime = 0;
  let overtakenBy: MutableItem | null = null;
  let refusal: string | null = null;

  return new Promise((resolve) => {
    const timers = new Set<NodeJS.Timeout>();
    const step = () => {
      const over = signal.aborted || overtakenBy !== null || holders >= ENOUGH;
      while (!over && queue.length > 0 && holders + inTime < AT_ONCE) start(queue.shift() as AnsweredNode);
      if (!over && (inTime > 0 || (holders < LEAST_HOLDERS && out > 0))) return;
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener('abort', step);
      resolve({ holders, tried, overtakenBy, refusal });
    };

    const start = (node: AnsweredNode) => {
      tried += 1;
      inTime += 1;
      out += 1;
      let holdsUp = true;
      const letGo = () => {
        if (holdsUp) inTime -= 1;
        holdsUp = false;
        step();
      };
      // Two round trips. One turn later: an answer may have waited in the socket while this process was busy.
      const onSent = () => timers.add(setTimeout(() => setImmediate(letGo), 2 * rpc.softLimit()));
      void putAndReadBack(node, onSent).then(() => {
        out -= 1;
        letGo();
      });
    };

    const putAndReadBack = async (node: AnsweredNode, onSent: () => void) => {
      const answer = await rpc.request(node, putQuery(id, item, node.token as Uint8Array, node.seq), onSent);
      if (typeof answer === 'string') return;
      if (answer.kind === 'error') refusal = `${answer.code} ${answer.message}`;
      const held = heldItem(await rpc.request(node, getQuery(id, place)), item.publicKey);
      if (held === null) return;
      if (sameItem(held, item)) holders += 1;
      else if (held.seq > base && held.seq > (overtakenBy?.seq ?? -1)) overtakenBy = held;
    };

    signal.addEventListener('abort', step, { once: true });
    step();
  });
}

/** The verified item of `publicKey` in an answer; null if there is none. */
function heldItem(answer: Reply | ErrorReply | NoAnswer, publicKey: Uint8Array): MutableItem | null {
  if (typeof answer === 'string' || answer.kind === 'error' || answer.item === null) return null;
  const { item } = answer;
  return Buffer.compare(item.publicKey, publicKey) === 0 && verifyItem(item) ? item : null;
}
