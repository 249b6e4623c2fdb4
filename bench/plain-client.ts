/** A whole program that puts or gets one item with bittorrent-dht: `plain-client put|get <bootstrap> <public key> [<seq> <value> <signature>]`. */
import { destroy, get, openPlainDht, put } from './plain-dht.ts';

const [does, bootstrap = '', publicKey = '', seq, value = '', signature = ''] = process.argv.slice(2);
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const dht = openPlainDht(bootstrap);
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
process.exit(result ? 0 : 1);
