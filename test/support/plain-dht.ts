import DHT from 'bittorrent-dht';
import { verify } from '../../src/crypto/ed25519.ts';
import { type MutableItem, target } from '../../src/dht/mutable-item.ts';

/** The parts of bittorrent-dht that are used here; src/ declares what the private network needs. */
interface PlainDht {
  put(item: object, done: (error: Error | null, hash: Uint8Array, nodes: number) => void): void;
  get(target: Uint8Array, done: (error: Error | null, item: { seq: number } | null) => void): void;
  once(event: 'ready', listener: () => void): void;
  destroy(closed: () => void): void;
}
const Plain = DHT as unknown as new (
  options: PlainOptions & { bootstrap: string[]; verify: typeof verify | unknown },
) => PlainDht;

/**
 * What makes bittorrent-dht faster: how long it waits for a node (2000 ms by default), and how many it asks
 * at once (16).
 */
export interface PlainOptions {
  readonly timeout?: number;
  readonly concurrency?: number;
}

/** The fastest settings used here. */
export const TUNED: PlainOptions = { timeout: 150, concurrency: 64 };

/** A client of bittorrent-dht, with its defaults unless `options` differ. */
export function openPlainDht(bootstrap: string, options: PlainOptions = {}): PlainDht {
  return new Plain({
    ...options,
    bootstrap: bootstrap.split(','),
    verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) =>
      verify(publicKey, message, signature),
  });
}

export const ready = (dht: PlainDht): Promise<void> => new Promise((resolve) => dht.once('ready', resolve));

export const destroy = (dht: PlainDht): Promise<void> => new Promise((resolve) => dht.destroy(resolve));

/** The arguments with which `plain-client.ts` puts or gets an item. */
export function plainClientArgs(
  how: 'as-it-comes' | 'tuned',
  does: 'put' | 'get',
  bootstrap: string,
  { publicKey, seq, value, signature }: MutableItem,
): string[] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return [how, does, bootstrap, hex(publicKey), ...(does === 'get' ? [] : [`${seq}`, hex(value), hex(signature)])];
}

/** Resolves to the number of nodes that took the item. */
export function put(dht: PlainDht, { publicKey, seq, value, signature }: MutableItem): Promise<number> {
  const item = { k: Buffer.from(publicKey), seq, v: Buffer.from(value), sig: Buffer.from(signature) };
  return new Promise((resolve, reject) => {
    dht.put(item, (error, _hash, nodes) => (error ? reject(error) : resolve(nodes)));
  });
}

/** Resolves to the `seq` of what was found; null if nothing was. */
export function get(dht: PlainDht, publicKey: Uint8Array): Promise<number | null> {
  return new Promise((resolve, reject) => {
    dht.get(Buffer.from(target(publicKey)), (error, item) => (error ? reject(error) : resolve(item?.seq ?? null)));
  });
}
