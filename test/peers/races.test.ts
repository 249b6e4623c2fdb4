import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { type Packet, parsePacket, type ResourceRecord } from '../../src/dht/dns-packet.ts';
import { History } from '../../src/handoff/history.ts';
import { type Handoff, publish } from '../../src/handoff/publish.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { updatePacket } from '../../src/handoff/update-packet.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { missingToBuild } from './build-programs.ts';
import { missingLibtorrent } from './libtorrent-program.ts';
import { type ForeignNetwork, mixedNetwork } from './networks.ts';
import { describePeer } from './peer-programs.ts';

const RACES = 100;
const AT_ONCE = 4;
/**
 * The second of two starts up to this much earlier or later than the first: about as long as a publish takes.
 */
const SPREAD_MS = 60;
const BOB = publicKeyOf(new Uint8Array(32).fill(251));

const handoff = (audience: Handoff['audience']): Handoff => ({
  audience,
  burn: false,
  ttl: 3600,
  payload: { host: 'laptop', project: '/home/alice/proj', session: '11111111-1111-4111-8111-111111111111' },
});
const FOR_ONESELF = handoff({ mode: 'self' });
const FOR_BOB = handoff({ mode: 'share', publicKey: BOB });

/** A record that another program keeps under the same key. */
const siteRecord = (identity: Identity, version: number): ResourceRecord => ({
  owner: [Buffer.from('site'), Buffer.from(encodePublicKey(identity.publicKey))],
  type: 1,
  class: 1,
  ttl: 300,
  data: Uint8Array.of(203, 0, 113, version),
  compressed: false,
});

const missing = [...missingToBuild('mainline'), ...missingToBuild('anacrolix'), ...missingLibtorrent()];
describePeer('races on a mixed network', missing, () => {
  let network: ForeignNetwork;
  beforeAll(async () => {
    network = await mixedNetwork();
  }, 60_000);
  afterAll(() => network?.close());

  /** Does some work on a new machine, with its own client. */
  async function on<T>(work: (dht: Dht, history: History) => Promise<T>): Promise<T> {
    const dht = openDht({ bootstrap: parseBootstrap(network.bootstrap) });
    try {
      return await work(dht, new History(temporaryFolder()));
    } finally {
      dht.close();
    }
  }

  /** Publishes as a command does, unless `beforeReplacing` throws for the packet that it would replace. */
  const publishes = (identity: Identity, what: Handoff, beforeReplacing: (text: string | null) => void = () => {}) =>
    on(async (dht, history) => {
      const published = await publish(dht, identity, what, { now: Date.now, history, beforeReplacing });
      await published.settled;
      return published.record.text;
    });

  const packetOf = (identity: Identity): Promise<Packet | null> =>
    on(async (dht) => {
      const { newest } = await dht.resolve(identity.publicKey);
      return newest && parsePacket(newest.value);
    });

  const textOf = async (identity: Identity) => {
    const packet = await packetOf(identity);
    return packet && HANDOFF_TXT.read(packet, encodePublicKey(identity.publicKey));
  };

  /** Runs both, the second a while after the first or before it. Returns the outcome of each. */
  async function race<A, B>(i: number, first: () => Promise<A>, second: () => Promise<B>) {
    const delayMs = ((i * 37) % (2 * SPREAD_MS)) - SPREAD_MS;
    const later = async <T>(delayMs: number, work: () => Promise<T>) => {
      await sleep(Math.max(0, delayMs));
      return work();
    };
    return Promise.allSettled([later(-delayMs, first), later(delayMs, second)]);
  }

  async function races(work: (i: number) => Promise<string>): Promise<Record<string, number>> {
    const outcomes: Record<string, number> = {};
    for (let i = 0; i < RACES; i += AT_ONCE) {
      for (const outcome of await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => work(i + j)))) {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    }
    return outcomes;
  }

  it(`a publish for oneself replaces none for somebody else that comes at the same moment: ${RACES} races`, async () => {
    const outcomes = await races(async (i) => {
      const identity = identityOf(Buffer.alloc(32, `share ${i}`));
      const before = await publishes(identity, FOR_ONESELF);
      const refuse = (text: string | null) => {
        if (text !== null && text !== before && text.includes('"recipient"')) throw new Error('left alone');
      };
      const [own, shared] = await race(
        i,
        () => publishes(identity, FOR_ONESELF, refuse),
        () => publishes(identity, FOR_BOB),
      );
      if (shared.status === 'rejected') return `the share failed: ${shared.reason.message}`;
      const left = await textOf(identity);
      if (left === shared.value)
        return own.status === 'rejected' ? 'the share stands, the other knows' : 'the share stands';
      return own.status === 'fulfilled' && left === own.value ? 'REPLACED' : 'something else';
    });
    expect(Object.keys(outcomes).filter((outcome) => !outcome.startsWith('the share stands'))).toEqual([]);
  }, 180_000);

  it(`a publish keeps what another program changes at the same moment: ${RACES} races`, async () => {
    const outcomes = await races(async (i) => {
      const identity = identityOf(Buffer.alloc(32, `site ${i}`));
      const name = encodePublicKey(identity.publicKey);
      const isSite = ({ owner }: ResourceRecord) => Buffer.from(owner[0] ?? []).toString() === 'site';
      /**
       * Acts like a program that merges its record into what it finds, and tries again if somebody was
       * quicker.
       */
      const putSite = (version: number) =>
        on((dht, history) => {
          const change = ({ records }: Packet) => ({
            packet: { records: [...records.filter((each) => !isSite(each)), siteRecord(identity, version)] },
            isGuarded: true,
          });
          return updatePacket(dht, identity, change, { now: Date.now, history }).then((update) => update?.put.settled);
        });
      await putSite(1);
      const [own, site] = await race(
        i,
        () => publishes(identity, FOR_ONESELF),
        () => putSite(2),
      );
      if (own.status === 'rejected') return `the publish failed: ${own.reason.message}`;
      const packet = await packetOf(identity);
      const version = packet?.records.find(isSite)?.data[3];
      if (site.status === 'rejected') return `the other program failed: ${site.reason.message}`;
      if (version !== 2) return `REPLACED by ${version}`;
      return HANDOFF_TXT.read(packet as Packet, name) === own.value ? 'both stand' : 'the handoff is LOST';
    });
    expect(outcomes).toEqual({ 'both stand': RACES });
  }, 180_000);
});
