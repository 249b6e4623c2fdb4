/**
 * A whole program that puts or gets one item with bittorrent-dht:
 * `plain-client as-it-comes|tuned put|get <bootstrap> <public key> [<seq> <value> <signature>]`.
 */
import { destroy, get, openPlainDht, put, TUNED } from '../test/support/plain-dht.ts';

const [how, does, bootstrap = '', publicKey = '', seq, value = '', signature = ''] = process.argv.slice(2);
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const dht = openPlainDht(bootstrap, how === 'tuned' ? TUNED : {});
const result =
  does === 'put'
    ? await put(dht, {
        publicKey: bytes(publicKey),
        seq: Number(seq),
        value: bytes(value),
        signature: bytes(signature),
      })
    : await get(dht, bytes(publicKey));
console.log(result);
await destroy(dht);
process.exit(0);
