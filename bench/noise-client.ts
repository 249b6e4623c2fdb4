/**
 * Resolves a key again and again for some seconds: `noise-client <bootstrap> <public key> <seq> <seconds>`.
 * Prints how often it did, how often the result was right, and by how many MB its resident memory peaked
 * above the level before the first resolve.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseBootstrap } from '../src/dht/bootstrap.ts';
import { openDht } from '../src/dht/client.ts';

const [bootstrap = '', publicKey = '', seq = '', seconds = ''] = process.argv.slice(2);
const key = Buffer.from(publicKey, 'hex');
const dht = openDht({ bootstrap: parseBootstrap(bootstrap) });
const residentMegabytes = () => process.memoryUsage.rss() / 1e6;

const before = residentMegabytes();
await dht.resolve(key);
let peak = before;
const watching = setInterval(() => {
  peak = Math.max(peak, residentMegabytes());
}, 50);
const result = { resolves: 0, right: 0, grown: 0 };
const end = performance.now() + Number(seconds) * 1000;
while (performance.now() < end) {
  result.resolves += 1;
  const found = await dht.resolve(key).catch(() => null);
  if (found?.newest?.seq === Number(seq)) result.right += 1;
  await sleep(100);
}
clearInterval(watching);
dht.close();
console.log(JSON.stringify({ ...result, grown: peak - before }));
