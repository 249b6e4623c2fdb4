import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { encodePacket, type Packet, parsePacket } from '../../src/dht/dns-packet.ts';
import { signItem, target } from '../../src/dht/mutable-item.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { History } from '../../src/handoff/history.ts';
import { liveRecord, lookUp } from '../../src/handoff/lookup.ts';
import { openRecord } from '../../src/handoff/open.ts';
import { type Handoff, publish } from '../../src/handoff/publish.ts';
import { signRecord } from '../../src/handoff/record.ts';
import { putAgainIfFew, revoke } from '../../src/handoff/revoke.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance } from '../support/simulated-node.ts';
import { fromHex, packetVectors } from '../support/vectors.ts';

const NOW = 1_790_000_000_000;
const SESSION = '11111111-1111-4111-8111-111111111111';

let network: PrivateNetwork;
let dht: Dht;
let stateFolder: string;
let history: History;
let identity: Identity;
let keys = 0;

beforeAll(async () => {
  network = await startPrivateNetwork({ nodes: 12 });
  dht = openDht({ bootstrap: parseBootstrap(network.bootstrap) });
  stateFolder = mkdtempSync(join(tmpdir(), 'cclink-test-'));
  history = new History(stateFolder);
});
const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});
beforeEach(() => {
  identity = identityOf(new Uint8Array(32).fill(++keys));
});
afterAll(async () => {
  dht.close();
  await network.close();
  rmSync(stateFolder, { recursive: true });
});

const handoff = (overrides: Partial<Handoff> = {}): Handoff => ({
  audience: { mode: 'self' },
  burn: false,
  ttl: 86_400,
  payload: { host: 'laptop', project: '/home/alice/proj', session: SESSION },
  ...overrides,
});

/** Puts a packet as another tool that shares the key would. */
async function putPacket(packet: Packet, seq: number): Promise<void> {
  const value = encodePacket(packet);
  await dht.put(signItem(identity.seed, identity.publicKey, seq, value));
}

/** The Rust vector "between other records": a Pubky user's site beside a handoff. */
function otherRecords(): Packet {
  const vector = packetVectors().valid.find(({ name }) => name === 'self between other records');
  const { records } = parsePacket(fromHex(vector?.v_hex ?? ''));
  const name = encodePublicKey(identity.publicKey);
  const renamed = records.map((record) => ({ ...record, owner: [...record.owner.slice(0, -1), Buffer.from(name)] }));
  return { records: renamed.filter((record) => Buffer.from(record.owner[0] ?? []).toString() !== '_cclink') };
}

/**
 * A network in which the 6 closest nodes hold a handoff, `shown`, and the others nothing. `replaceIt` puts
 * another one on the 6, as somebody else's publish would. Nodes that hold nothing take any packet.
 */
async function overtaking() {
  const simulated = await startSimulatedNetwork({ live: 12 });
  const client = openDht({ bootstrap: simulated.bootstrap });
  closing.push(simulated, client);
  const closest = byDistance(simulated.live, target(identity.publicKey)).slice(0, 6);
  const put = (seq: number, burn: boolean) => {
    const record = signRecord(
      {
        blob: Uint8Array.of(seq % 256),
        burn,
        createdAt: BigInt(NOW / 1000),
        hostname: '',
        pinSalt: null,
        project: '',
        publicKey: identity.publicKey,
        recipient: null,
        ttl: 60n,
      },
      identity.seed,
    );
    const packet = HANDOFF_TXT.write({ records: [] }, encodePublicKey(identity.publicKey), record.text);
    const item = signItem(identity.seed, identity.publicKey, seq, encodePacket(packet));
    for (const node of closest) node.held = item;
    return record;
  };
  return { client, shown: put(1, true), replaceIt: () => put(2, false) };
}

describe('a handoff on a real network', () => {
  it('is found and opened by the same key after it was published', async () => {
    const published = await publish(dht, identity, handoff(), { now: () => NOW, history });
    expect(published.nodes).toBeGreaterThanOrEqual(8);
    const lookup = await lookUp(dht, identity.publicKey);
    const record = liveRecord(lookup, BigInt(NOW / 1000));
    expect(record?.text).toBe(published.record.text);
    if (record !== null) expect(await openRecord(record, identity)).toEqual(handoff().payload);
  });

  it('gets a higher seq with every publish, in one millisecond and with the clock set back', async () => {
    const seqs: number[] = [];
    for (const unixMs of [NOW, NOW, NOW - 86_400_000]) {
      const now = () => unixMs;
      seqs.push((await publish(dht, identity, handoff(), { now, history })).seq);
    }
    const [first = 0, second = 0, third = 0] = seqs;
    expect([first >= NOW * 1000, first < NOW * 1000 + 1000]).toEqual([true, true]);
    // Anything signed in advance to follow a packet, with that packet's number plus 1, is older than the
    // next.
    expect([second - first >= 2, third - second >= 2, third - second < 1002]).toEqual([true, true, true]);
  });

  it('does not publish under an older seq after the network forgot everything', async () => {
    const first = await publish(dht, identity, handoff(), { now: () => NOW, history });
    const empty = await startPrivateNetwork({ nodes: 8 });
    const other = openDht({ bootstrap: parseBootstrap(empty.bootstrap) });
    const second = await publish(other, identity, handoff(), { now: () => NOW - 5000, history });
    expect(second.seq - first.seq).toBeGreaterThanOrEqual(2);
    other.close();
    await empty.close();
  });

  it("keeps the key's other records byte for byte, and so does revoking", async () => {
    const others = otherRecords();
    await putPacket(others, 1);
    const { record } = await publish(dht, identity, handoff(), { now: () => NOW, history });
    const found = (await dht.resolve(identity.publicKey)).newest;
    expect(parsePacket(found?.value ?? new Uint8Array()).records).toHaveLength(others.records.length + 1);
    await revoke(dht, identity, record.text, { now: () => NOW, history });
    const left = (await dht.resolve(identity.publicKey)).newest;
    expect(Buffer.from(left?.value ?? []).toString('hex')).toBe(Buffer.from(encodePacket(others)).toString('hex'));
  });

  it('is shortened to fit beside the other records, and refused before anything is sent where it cannot be', async () => {
    const long = handoff({
      payload: { host: 'laptop', project: `/home/alice/${'deep/'.repeat(60)}proj`, session: SESSION },
    });
    await putPacket(otherRecords(), 1);
    const { payload } = await publish(dht, identity, long, { now: () => NOW, history });
    expect(payload.project).toMatch(/^….*\/proj$/u);
    expect(payload.session).toBe(SESSION);

    const full = { ...identityOf(new Uint8Array(32).fill(200)) };
    const name = encodePublicKey(full.publicKey);
    const site = {
      owner: [Buffer.from('site'), Buffer.from(name)],
      type: 16,
      class: 1,
      ttl: 60,
      data: Buffer.alloc(400, 3),
      compressed: false,
    };
    const value = encodePacket({ records: [site] });
    await dht.put(signItem(full.seed, full.publicKey, 1, value));
    await expect(publish(dht, full, handoff(), { now: () => NOW, history })).rejects.toMatchObject({
      code: 'refused',
    });
    expect((await dht.resolve(full.publicKey)).newest?.seq).toBe(1);
  });

  it('is gone after it was revoked, and the machine remembers it', async () => {
    const { record } = await publish(dht, identity, handoff(), { now: () => NOW, history });
    const revoked = await revoke(dht, identity, record.text, { now: () => NOW, history });
    expect(revoked).toMatchObject({ nodes: 12, older: 0 });
    expect((await lookUp(dht, identity.publicKey)).record).toBeNull();
    expect((await history.read(identity.publicKey)).revoked).toBe(true);
    const { newest } = await dht.resolve(identity.publicKey);
    expect(Buffer.from(newest?.value ?? []).toString('hex')).toBe('000080000000000000000000');
  });

  it('is not published where fewer than 3 nodes take it, and it says how many did', async () => {
    const simulated = await startSimulatedNetwork({ live: 8 });
    const client = openDht({ bootstrap: simulated.bootstrap });
    closing.push(simulated, client);
    for (const refusing of simulated.live.slice(2)) {
      const { answer } = refusing;
      refusing.answer = (query, self) => (query.name === 'put' ? { e: [203, 'bad token'] } : answer(query, self));
    }
    await expect(publish(client, identity, handoff(), { now: () => NOW, history })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('Only 2 of the 8'),
    });
    expect((await history.read(identity.publicKey)).placed).toBe(false);
  });

  it('is revoked only if it is still the very one that was shown', async () => {
    const shown = await publish(dht, identity, handoff(), { now: () => NOW, history });
    const next = await publish(dht, identity, handoff({ burn: true }), { now: () => NOW, history });
    await expect(revoke(dht, identity, shown.record.text, { now: () => NOW, history })).rejects.toMatchObject({
      code: 'refused',
    });
    expect((await lookUp(dht, identity.publicKey)).record?.text).toBe(next.record.text);
  });

  it('stands again after a revocation of the one before it reached a node first', async () => {
    const { client, shown, replaceIt } = await overtaking();
    const from = await client.resolve(identity.publicKey);
    const next = replaceIt();
    await expect(
      revoke(client, identity, shown.text, { now: () => NOW + 60_000, history, from }),
    ).rejects.toMatchObject({
      code: 'refused',
    });
    expect((await lookUp(client, identity.publicKey)).record?.text).toBe(next.text);
  });

  it('stands again after a publish that was not to replace it reached a node first', async () => {
    const { client, shown, replaceIt } = await overtaking();
    const from = await client.resolve(identity.publicKey);
    const next = replaceIt();
    const forBob = handoff({ audience: { mode: 'share', publicKey: publicKeyOf(new Uint8Array(32).fill(251)) } });
    const beforeReplacing = (text: string | null) => {
      if (text !== shown.text) throw new Error('not this one');
    };
    await expect(
      publish(client, identity, forBob, { now: () => NOW + 60_000, history, from, beforeReplacing }),
    ).rejects.toThrow('not this one');
    expect((await lookUp(client, identity.publicKey)).record?.text).toBe(next.text);
  });

  it('is revoked to no effect where nothing stands any more', async () => {
    const { record } = await publish(dht, identity, handoff(), { now: () => NOW, history });
    await revoke(dht, identity, record.text, { now: () => NOW, history });
    expect(await revoke(dht, identity, record.text, { now: () => NOW, history })).toBeNull();
  });

  it('is not what a packet of other programs took back, although older ones of theirs stand on other nodes', async () => {
    const simulated = await startSimulatedNetwork({ live: 12 });
    const client = openDht({ bootstrap: simulated.bootstrap });
    closing.push(simulated, client);
    const packets = [1, 2].map((seq) => signItem(identity.seed, identity.publicKey, seq, encodePacket(otherRecords())));
    for (const [i, node] of simulated.live.entries()) node.held = packets[i === 0 ? 1 : 0] ?? null;
    const resolution = await client.resolve(identity.publicKey);
    expect(resolution).toMatchObject({ newest: { seq: 2 }, holders: 1 });
    expect(await putAgainIfFew(client, resolution, 0n, { history })).toBeNull();
    expect(simulated.live.flatMap(({ queries }) => queries).filter(({ name }) => name === 'put')).toEqual([]);
  });

  it('survives two machines that publish at the same moment: one of the two stands everywhere afterwards', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'cclink-test-'));
    const both = await Promise.all([
      publish(dht, identity, handoff(), { now: () => NOW, history }),
      publish(dht, identity, handoff({ burn: true }), { now: () => NOW, history: new History(elsewhere) }),
    ]);
    const { record, resolution } = await lookUp(dht, identity.publicKey);
    expect(resolution.conflict).toBe(false);
    expect(both.map((published) => published.record.text)).toContain(record?.text);
    expect(new Set(both.map(({ seq }) => seq)).size).toBe(2);
    rmSync(elsewhere, { recursive: true });
  });

  it('is burnt for one of two machines that burn it at the same moment, or for neither, but never for both', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'cclink-test-'));
    const other = openDht({ bootstrap: parseBootstrap(network.bootstrap) });
    for (let round = 0; round < 8; round++) {
      const own = identityOf(new Uint8Array(32).fill(100 + round));
      const { record } = await publish(dht, own, handoff({ burn: true }), { now: () => NOW, history });
      const burn = (client: Dht, folder: string) =>
        revoke(client, own, record.text, { now: Date.now, history: new History(folder) });
      const burnt = await Promise.all([burn(dht, stateFolder), burn(other, elsewhere)]);
      expect(burnt.filter((each) => each !== null).length).toBeLessThanOrEqual(1);
      expect((await lookUp(dht, own.publicKey)).record).toBeNull();
    }
    other.close();
    rmSync(elsewhere, { recursive: true });
  });

  it('is refused where the newest packet holds two of them', async () => {
    const name = encodePublicKey(identity.publicKey);
    const { records } = HANDOFF_TXT.write({ records: [] }, name, '{}');
    await putPacket({ records: [...records, ...records] }, 5);
    await expect(lookUp(dht, identity.publicKey)).rejects.toMatchObject({ code: 'refused' });
  });

  it('is refused where two different packets with one number stand, until a new one is published', async () => {
    const simulated = await startSimulatedNetwork({ live: 12 });
    const client = openDht({ bootstrap: simulated.bootstrap });
    const packets = ['one', 'other'].map((text) => {
      const value = encodePacket(HANDOFF_TXT.write({ records: [] }, encodePublicKey(identity.publicKey), text));
      return signItem(identity.seed, identity.publicKey, NOW * 1000, value);
    });
    for (const [i, node] of simulated.live.entries()) node.held = packets[i % 2] ?? null;
    await expect(lookUp(client, identity.publicKey)).rejects.toMatchObject({ code: 'refused' });
    const { record } = await publish(client, identity, handoff(), { now: () => NOW, history });
    expect((await lookUp(client, identity.publicKey)).record?.text).toBe(record.text);
    client.close();
    simulated.close();
  });

  it('is not found under a key that nobody published under', async () => {
    const lookup = await lookUp(dht, publicKeyOf(new Uint8Array(32).fill(250)));
    expect(lookup).toMatchObject({ record: null, seq: null });
    expect(lookup.resolution.network.answered).toBeGreaterThan(3);
  });
});
