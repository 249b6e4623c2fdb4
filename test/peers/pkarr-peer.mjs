// npm `pkarr` in a process of its own: it installs signal handlers, and when it ends it writes its routing
// table below the home folder. Argument: the bootstrap nodes. Requests and answers: see pkarr.test.ts.
import { createInterface } from 'node:readline';
import { generateKeyPair, SignedPacket, z32 } from 'pkarr';
import DHT from 'pkarr/lib/dht.js';

const bootstrap = process.argv[2].split(',').map((address) => {
  const [host, port] = address.split(':');
  return { host, port: Number(port) };
});
// Its node adds our client to its routing table, although our client asks it not to (BEP 43), and waits for
// it in every full look-up: here for 0.5 s instead of 2 s.
const dht = new DHT({ bootstrap, timeout: 500 });

const requests = {
  /** Publishes answers under a seed; `timestamp` is in microseconds. */
  async publish({ seed, answers, timestamp }) {
    const keyPair = generateKeyPair(Buffer.from(seed, 'hex'));
    const packet = { id: 0, type: 'response', flags: 0, answers: answers.map(fromJson) };
    const item = SignedPacket.fromPacket(keyPair, packet, { timestamp }).bep44Args();
    await dht.put(item);
    return shown(item);
  },

  /** The newest packet under a key; with `first`, the first one that any node gives. */
  async resolve({ key, first = false }) {
    return shown(await found(key, first));
  },

  /** Adds an answer to the newest packet under a seed, as a tool that shares the key would. */
  async add({ seed, answer }) {
    const { publicKey } = generateKeyPair(Buffer.from(seed, 'hex'));
    const { seq, answers } = shown(await found(z32.encode(publicKey), false));
    return requests.publish({ seed, answers: [...answers, answer], timestamp: seq + 1 });
  },
};

async function found(key, first) {
  const item = await dht.get(z32.decode(key), { fullLookup: !first });
  if (item === null) throw new Error('nothing found');
  return item;
}

/** An item as pkarr reads it, its signature verified. */
function shown(item) {
  const packet = SignedPacket.fromBep44Args(item);
  const answers = packet.packet().answers.map(toJson);
  return { key: z32.encode(packet.publicKey()), seq: item.seq, value: Buffer.from(item.v).toString('hex'), answers };
}

/** In JSON, bytes are Latin-1 text, which preserves all of them. */
function toJson({ name, type, ttl, data }) {
  const plain = (value) => (Buffer.isBuffer(value) ? value.toString('latin1') : value);
  return { name, type, ttl, data: Array.isArray(data) ? data.map(plain) : plain(data) };
}

function fromJson({ data, ...rest }) {
  const bytes = (text) => Buffer.from(text, 'latin1');
  if (rest.type === 'TXT') return { ...rest, data: data.map(bytes) };
  return { ...rest, data: rest.type.startsWith('UNKNOWN_') ? bytes(data) : data };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { request, ...parameters } = JSON.parse(line);
  const answer = await requests[request](parameters).catch((error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await dht.destroy();
