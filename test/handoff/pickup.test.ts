import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { EMPTY_PACKET, encodePacket, type Packet } from '../../src/dht/dns-packet.ts';
import { type MutableItem, signItem, target } from '../../src/dht/mutable-item.ts';
import { Failure } from '../../src/failure.ts';
import { isOwnBurn } from '../../src/handoff/claim.ts';
import { History, hasEnded } from '../../src/handoff/history.ts';
import { compareCopy } from '../../src/handoff/local-copy.ts';
import { look, type PickupOptions, type PickupPorts, pickup } from '../../src/handoff/pickup.ts';
import { type Handoff, publish } from '../../src/handoff/publish.ts';
import type { FoundHandoff, Subject } from '../../src/handoff/reader.ts';
import { type SignedRecord, signRecord } from '../../src/handoff/record.ts';
import { revoke } from '../../src/handoff/revoke.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { sealSeed } from '../../src/identity/envelope.ts';
import { readPublicKeyFile, writePublicKeyFile } from '../../src/identity/key-file.ts';
import { OwnKey } from '../../src/identity/own-key.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { encodeStoredKey } from '../../src/identity/stored-key.ts';
import { type Identity, identityOf, type PassphraseSource } from '../../src/identity/unlock.ts';
import { startOf } from '../../src/running-process.ts';
import { FirstStarts } from '../../src/travel/arriving/first-start.ts';
import { KnownBundles } from '../../src/travel/known-bundles.ts';
import { said, sessionId, writeTranscript } from '../support/claude-folder.ts';
import { startSimulatedNetwork } from '../support/simulated-network.ts';
import { byDistance, honest, type SimulatedNode, startNode } from '../support/simulated-node.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SESSION = sessionId(1);
const STRANGER = identityOf(new Uint8Array(32).fill(201));

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

let keys = 0;

/** A machine with a key, a session and its directory, on a network of honest nodes, and without a user. */
async function setUp({ live = 20 } = {}) {
  keys += 1;
  const identity = identityOf(new Uint8Array(32).fill(keys));
  const network = await startSimulatedNetwork({ live });
  const dht = openDht({ bootstrap: network.bootstrap });
  closing.push(network, dht);

  const home = temporaryFolder();
  const project = join(home, 'proj');
  mkdirSync(project);
  writeTranscript(join(home, '.claude'), slugOf(project), SESSION, [said(project)]);
  const keyFile = join(home, 'secret_key');
  writeFileSync(keyFile, Buffer.from(identity.seed).toString('hex'), { mode: 0o600 });
  const own = OwnKey.read(keyFile, { kind: 'value', value: '' });
  const history = new History(join(home, 'state'), { now: () => machine.nowMs });

  const machine = { identity, network, dht, home, project, own, history, nowMs: Date.now(), log: [] as string[] };
  const ports: PickupPorts = {
    pins: { kind: 'value', value: '' },
    show: ({ payload }) => void machine.log.push(`show ${payload.session}`),
    confirm: async (_found, burns) => {
      machine.log.push(burns ? 'burn it?' : 'take it?');
      return true;
    },
    obstacle: async () => null,
    brought: () => void machine.log.push('brought'),
    burnt: () => void machine.log.push('burnt'),
    tell: (notice) => void machine.log.push(notice.kind),
    withProgress: (step, work) => {
      machine.log.push(step);
      return work;
    },
  };
  const options: PickupOptions = {
    history,
    places: { claudeFolder: join(home, '.claude'), workingDirectory: project },
    now: () => machine.nowMs,
    offersFirst: false,
    reportsMissing: false,
    bringing: null,
    bundles: new KnownBundles(join(home, 'state')),
    firstStarts: new FirstStarts(join(home, 'state')),
  };
  const subject: Subject = { publicKey: identity.publicKey, isOwn: true, own };
  const handoff = (overrides: Partial<Handoff> = {}): Handoff => ({
    audience: { mode: 'self' },
    burn: false,
    ttl: 3600,
    payload: { host: 'laptop', project, session: SESSION },
    ...overrides,
  });
  return { ...machine, machine, ports, options, subject, handoff };
}

type Machine = Awaited<ReturnType<typeof setUp>>;

/** Publishes from another machine with the same key. */
async function publishFrom(on: Machine, handoff = on.handoff(), identity: Identity = on.identity) {
  const options = { now: () => on.machine.nowMs, history: new History(temporaryFolder()) };
  const { record, settled } = await publish(on.dht, identity, handoff, options);
  await settled; // nothing more of it arrives later in the test
  return record;
}

const pickUp = (on: Machine, options: Partial<PickupOptions> = {}, ports: Partial<PickupPorts> = {}) =>
  pickup(on.dht, on.subject, { ...on.ports, ...ports }, { ...on.options, ...options });

/** What a pickup ended with. */
const noOf = (picking: Promise<unknown>) =>
  picking.then(
    () => 'it was picked up',
    (error: unknown) => (error instanceof Failure ? `${error.code}: ${error.message}` : error),
  );

/** What the user was shown and asked. */
const toldIn = ({ log }: Machine) => log.filter((line) => !['asking', 'completing', 'put again'].includes(line));

/** The item that carries a record on the network. */
const itemOn = (on: Machine, { text }: SignedRecord): MutableItem => {
  const isIt = ({ held }: SimulatedNode) => held !== null && Buffer.from(held.value).includes(text.slice(0, 60));
  const node = byDistance(on.network.live, target(on.identity.publicKey)).find(isIt);
  if (node?.held == null) throw new Error('no node holds it');
  return node.held;
};

/**
 * A client of three nodes that hold `first` and answer at once, and one that holds `newest` and answers late.
 */
async function threeAndALateOne(first: MutableItem, newest: MutableItem, lateMs = 400): Promise<Dht> {
  const nodes = await Promise.all(
    [0, 0, 0, lateMs].map((delayMs) =>
      startNode(
        honest(() => []),
        { delayMs },
      ),
    ),
  );
  nodes.forEach((node, i) => {
    node.held = i === 3 ? newest : first;
  });
  const dht = openDht({ bootstrap: nodes });
  closing.push(dht, ...nodes);
  return dht;
}

const itemOf = (identity: Identity, packet: Packet, seq: number) =>
  signItem(identity.seed, identity.publicKey, seq, encodePacket(packet));

/** Puts an item on every node, as if there had never been another. */
const putEverywhere = (on: Machine, item: MutableItem | null) => {
  for (const node of on.network.live) node.held = item;
};

const transcriptOf = (on: Machine) => join(on.home, '.claude', 'projects', slugOf(on.project), `${SESSION}.jsonl`);

function replaceBy(path: string, make: () => void): void {
  rmSync(path);
  make();
}

/** Picks up without the privileges of root, who may read and enter everything. */
async function pickUpAsNobody(on: Machine): Promise<unknown> {
  if (process.geteuid?.() !== 0) return pickUp(on);
  execFileSync('chown', ['-R', '65534', on.home]);
  process.seteuid?.(65534);
  try {
    return await pickUp(on);
  } finally {
    process.seteuid?.(0);
  }
}

const heldTexts = (on: Machine) =>
  on.network.live.filter(({ held }) => held !== null && held.value.length > 100).length;

describe('a pickup', () => {
  it('gives what was published, remembers that it was taken, and leaves it for the other machines', async () => {
    const on = await setUp();
    const record = await publishFrom(on);
    const { found, isTaken, burnt } = await pickUp(on);
    expect(found.payload).toEqual({ host: 'laptop', project: on.project, session: SESSION });
    expect(found.local).toMatchObject({ here: true, directory: on.project, directoryExists: true });
    expect([isTaken, burnt]).toEqual([true, null]);
    expect(on.log.slice(-2)).toEqual([`show ${SESSION}`, 'take it?']);
    expect((await on.history.read(on.identity.publicKey)).spent).toMatchObject([{ fate: 'taken' }]);
    expect(hasEnded(await on.history.read(on.identity.publicKey), record)).toBe(false);
    expect((await pickUp(on)).isTaken).toBe(true);
  });

  it('burns after the yes, and remembers it', async () => {
    const on = await setUp();
    const record = await publishFrom(on, on.handoff({ burn: true }));
    let heldAtQuestion = 0;
    const confirm = async () => {
      heldAtQuestion = heldTexts(on);
      return true;
    };
    const { burnt } = await pickUp(on, {}, { confirm });
    expect(heldAtQuestion).toBeGreaterThanOrEqual(8);
    expect(burnt).toMatchObject({ older: 0 });
    expect(heldTexts(on)).toBe(0);
    expect(hasEnded(await on.history.read(on.identity.publicKey), record)).toBe(true);
  });

  it("does not burn somebody else's: only the publisher can", async () => {
    const on = await setUp();
    const audience = { mode: 'share', publicKey: on.identity.publicKey } as const;
    await publishFrom(on, on.handoff({ audience, burn: true }), STRANGER);
    const subject: Subject = { ...on.subject, publicKey: STRANGER.publicKey, isOwn: false };
    const { burnt, isTaken } = await pickup(on.dht, subject, on.ports, on.options);
    expect([burnt, isTaken]).toEqual([null, true]);
    expect(on.log).toContain('take it?');
  });

  it('offers the first handoff while the look-up goes on, and the newest where that is another', async () => {
    const on = await setUp();
    const first = itemOn(on, await publishFrom(on));
    on.machine.nowMs += 1000;
    const other = sessionId(2);
    writeTranscript(join(on.home, '.claude'), slugOf(on.project), other, [said(on.project)]);
    const payload = { host: '', project: on.project, session: other };
    const newest = itemOn(on, await publishFrom(on, on.handoff({ payload })));
    const dht = await threeAndALateOne(first, newest);
    const { found } = await pickup(dht, on.subject, on.ports, { ...on.options, offersFirst: true });
    expect(found.payload.session).toBe(other);
    expect(toldIn(on)).toEqual([`show ${SESSION}`, 'take it?', 'newer', `show ${other}`, 'take it?']);
  });

  it('asks once where the first handoff is the newest', async () => {
    const on = await setUp();
    const item = itemOn(on, await publishFrom(on));
    const dht = await threeAndALateOne(item, item);
    await pickup(dht, on.subject, on.ports, { ...on.options, offersFirst: true });
    expect(on.log).toEqual(['asking', `show ${SESSION}`, 'take it?', 'asking', 'completing']);
  });

  it('passes over a first handoff that can not be used: the newest alone decides', async () => {
    const on = await setUp();
    const payload = { host: '', project: on.project, session: sessionId(9) };
    const notHere = itemOn(on, await publishFrom(on, on.handoff({ payload })));
    on.machine.nowMs += 1000;
    const newest = itemOn(on, await publishFrom(on));
    const dht = await threeAndALateOne(notHere, newest);
    await pickup(dht, on.subject, on.ports, { ...on.options, offersFirst: true });
    expect(toldIn(on)).toEqual([`show ${SESSION}`, 'take it?']);
  });

  it('passes over a first handoff that is older than one that was taken here', async () => {
    const on = await setUp();
    const old = itemOn(on, await publishFrom(on));
    on.machine.nowMs += 1000;
    const record = await publishFrom(on);
    const newest = itemOn(on, record);
    await on.history.noteTaken(record, newest.seq);
    await pickup(await threeAndALateOne(old, newest), on.subject, on.ports, { ...on.options, offersFirst: true });
    expect(on.log.filter((line) => line === 'take it?')).toHaveLength(1);
  });
});

describe('the first no: nothing is there', () => {
  it('never was', async () => {
    const on = await setUp();
    expect(await noOf(pickUp(on))).toMatch(/^not-found: There is no handoff under your key .* since \d{4}-\d\d-\d\d/);
    const subject: Subject = { ...on.subject, publicKey: STRANGER.publicKey, isOwn: false };
    expect(await noOf(pickup(on.dht, subject, on.ports, on.options))).toMatch(
      `not-found: There is no handoff under ${encodePublicKey(STRANGER.publicKey)}`,
    );
  });

  it('expired, and names the session of a handoff for oneself', async () => {
    const on = await setUp();
    await publishFrom(on);
    on.machine.nowMs += 3_601_000;
    expect(await noOf(pickUp(on))).toBe(`expired: The handoff of session ${SESSION} expired just now.`);
  });

  it('expired while the question was open', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn: true }));
    const confirm = async () => {
      on.machine.nowMs += 3_601_000;
      return true;
    };
    expect(await noOf(pickUp(on, {}, { confirm }))).toMatch(/^expired: .* while the question was open/);
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
  });

  it('was revoked here', async () => {
    const on = await setUp();
    const record = await publishFrom(on);
    const [node] = on.network.live.filter(({ held }) => held !== null);
    const old = node?.held ?? null;
    await revoke(on.dht, on.identity, record.text, { now: () => on.machine.nowMs, history: on.history });
    expect(await noOf(pickUp(on))).toMatch(/^revoked: .* burnt or revoked on this machine/);
    putEverywhere(on, old);
    expect(await noOf(pickUp(on))).toMatch(/^revoked: /);
  });

  it('was burnt here: a later publish, which the network forgot, does not bring it back', async () => {
    const on = await setUp();
    const burnt = itemOn(on, await publishFrom(on, on.handoff({ burn: true })));
    await pickUp(on);
    on.machine.nowMs += 1000;
    const options = { now: () => on.machine.nowMs, history: on.history };
    await (await publish(on.dht, on.identity, on.handoff(), options)).settled;
    putEverywhere(on, burnt);
    expect(await noOf(pickUp(on))).toMatch(/^revoked: /);
    expect(on.log.filter((line) => line === 'burn it?')).toHaveLength(1);
  });

  it('was revoked here by an earlier version, which remembered no more than that', async () => {
    const on = await setUp();
    const { seq } = itemOn(on, await publishFrom(on));
    mkdirSync(join(on.home, 'state', 'published'), { recursive: true });
    const old = join(on.home, 'state', 'published', `${encodePublicKey(on.identity.publicKey)}.json`);
    writeFileSync(old, JSON.stringify({ seq: seq + 1, revoked: true }));
    expect(await noOf(pickUp(on))).toMatch(/^revoked: /);
    writeFileSync(old, JSON.stringify({ seq: seq - 1, revoked: true }));
    expect((await pickUp(on)).isTaken).toBe(true);
  });

  it('completes a revocation of its own that too few nodes know', async () => {
    const on = await setUp();
    const record = await publishFrom(on);
    const held = on.network.live.map((node) => node.held);
    await revoke(on.dht, on.identity, record.text, { now: () => on.machine.nowMs, history: on.history });
    byDistance(on.network.live, target(on.identity.publicKey)).forEach((node, i) => {
      if (i > 1) node.held = held[on.network.live.indexOf(node)] ?? null;
    });
    expect(await noOf(pickUp(on))).toMatch(/^revoked: /);
    expect(on.log).toContain('put again');
    expect(heldTexts(on)).toBe(0);
  });
});

describe('the second no: what is there can not be trusted', () => {
  const recordOf = (on: Machine, overrides: { createdAt?: bigint; blob?: Uint8Array } = {}) =>
    signRecord(
      {
        blob: Uint8Array.of(1),
        burn: false,
        createdAt: BigInt(Math.floor(on.machine.nowMs / 1000)),
        hostname: '',
        pinSalt: null,
        project: '',
        publicKey: on.identity.publicKey,
        recipient: null,
        ttl: 60n,
        ...overrides,
      },
      on.identity.seed,
    );
  const withText = (on: Machine, text: string) =>
    HANDOFF_TXT.write(EMPTY_PACKET, encodePublicKey(on.identity.publicKey), text);

  it.each<[string, (on: Machine) => string, RegExp]>([
    ['is no record', () => '{"blob":', /not a handoff that cclink understands/],
    ['has a wrong signature', (on) => recordOf(on).text.replace('"ttl":60', '"ttl":61'), /signature inside/],
    [
      'is from the future',
      (on) => recordOf(on, { createdAt: BigInt(Math.floor(on.machine.nowMs / 1000) + 400) }).text,
      /in the future/,
    ],
  ])('%s', async (_, textOf, message) => {
    const on = await setUp();
    putEverywhere(on, itemOf(on.identity, withText(on, textOf(on)), 5));
    const no = await noOf(pickUp(on));
    expect(no).toMatch(/^refused: /);
    expect(no).toMatch(message);
  });

  it('contradicts another packet with the same number', async () => {
    const on = await setUp();
    putEverywhere(on, itemOf(on.identity, withText(on, recordOf(on).text), 5));
    const [closest] = byDistance(on.network.live, target(on.identity.publicKey)) as [SimulatedNode];
    closest.held = itemOf(on.identity, EMPTY_PACKET, 5);
    expect(await noOf(pickUp(on))).toMatch(/^refused: There are two different packets/);
  });

  it('names a session whose id is not a UUID, before anything is looked for or shown', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ payload: { host: '', project: '', session: '--help' } }));
    expect(await noOf(pickUp(on))).toMatch(/^refused: The session id/);
    expect(on.log).not.toContain('show --help');
  });
});

describe('the third no: it is not for this reader', () => {
  it('but for another key, which is told without opening ours', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ audience: { mode: 'share', publicKey: STRANGER.publicKey } }));
    on.own.wipe(); // it could not be opened any more
    expect(await noOf(pickUp(on))).toMatch(/^cannot-open: You sealed this handoff for another key/);
  });

  it('but for its publisher alone', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff(), STRANGER);
    const subject: Subject = { ...on.subject, publicKey: STRANGER.publicKey, isOwn: false };
    expect(await noOf(pickup(on.dht, subject, on.ports, on.options))).toMatch(/^cannot-open: .* its publisher alone/);
  });

  it('and there is no key here', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff(), STRANGER);
    const subject: Subject = { own: null, publicKey: STRANGER.publicKey, isOwn: false };
    expect(await noOf(pickup(on.dht, subject, on.ports, on.options))).toMatch(/^no-key: /);
  });

  it('and the PIN is wrong: it is asked for three times, or tried once where it was given', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ audience: { mode: 'pin', pin: Buffer.from('five-words') } }));
    const asked: boolean[] = [];
    const ask = async (isAgain: boolean) => {
      asked.push(isAgain);
      return Buffer.from('wrong');
    };
    expect(await noOf(pickUp(on, {}, { pins: { kind: 'ask', ask } }))).toMatch(/^cannot-open: That is not the PIN/);
    expect(asked).toEqual([false, true, true]);
    const given = { kind: 'value', value: 'wrong' } as const;
    expect(await noOf(pickUp(on, {}, { pins: given }))).toMatch(/^cannot-open: That is not the PIN/);
    expect((await pickUp(on, {}, { pins: { kind: 'value', value: 'five-words' } })).isTaken).toBe(true);
  });

  it('but not if only its accents are typed in another way', async () => {
    for (const [made, typed] of [
      ['NFC', 'NFD'],
      ['NFD', 'NFC'],
    ]) {
      const on = await setUp();
      const pin = (form: string | undefined) => Buffer.from('caf\u00e9 cr\u00e8me br\u00fbl\u00e9e'.normalize(form));
      await publishFrom(on, on.handoff({ audience: { mode: 'pin', pin: pin(made) } }));
      expect((await pickUp(on, {}, { pins: { kind: 'value', value: pin(typed) } })).isTaken).toBe(true);
    }
  });

  it('but not if a PIN that was made here is typed with spaces and capitals, or somebody’s own just so', async () => {
    for (const pin of ['apple-tree-house-river-stone', 'Apple Tree House River Stone']) {
      const on = await setUp();
      await publishFrom(on, on.handoff({ audience: { mode: 'pin', pin: Buffer.from(pin) } }));
      const pins = { kind: 'value', value: 'Apple Tree House River Stone' } as const;
      expect((await pickUp(on, {}, { pins })).isTaken).toBe(true);
    }
  });
});

describe('a PIN that does not open the first handoff that is found', () => {
  /** A client that finds yesterday's handoff first, and the newest later. */
  async function withTwo(on: Machine): Promise<Dht> {
    const audience = (pin: string) => ({ mode: 'pin', pin: Buffer.from(pin) }) as const;
    const first = itemOn(on, await publishFrom(on, on.handoff({ audience: audience('yesterday') })));
    on.machine.nowMs += 1000;
    const newest = itemOn(on, await publishFrom(on, on.handoff({ audience: audience('today') })));
    return threeAndALateOne(first, newest);
  }

  it('is tried on the newest before anybody is told that it is wrong', async () => {
    const on = await setUp();
    const asked: boolean[] = [];
    const ask = async (isAgain: boolean) => {
      asked.push(isAgain);
      return Buffer.from('today');
    };
    const ports = { ...on.ports, pins: { kind: 'ask', ask } as const };
    await pickup(await withTwo(on), on.subject, ports, { ...on.options, offersFirst: true });
    expect(asked).toEqual([false]);
  });

  it('is asked for again only twice', async () => {
    const on = await setUp();
    const asked: boolean[] = [];
    const ask = async (isAgain: boolean) => {
      asked.push(isAgain);
      return Buffer.from('wrong');
    };
    const ports = { ...on.ports, pins: { kind: 'ask', ask } as const };
    const picking = pickup(await withTwo(on), on.subject, ports, { ...on.options, offersFirst: true });
    expect(await noOf(picking)).toMatch(/^cannot-open: That is not the PIN/);
    expect(asked).toEqual([false, true, true]);
  });
});

describe('the public key of somebody else beside an encrypted key', () => {
  const CHEAP = { memoryKib: 8, iterations: 1, parallelism: 1 };

  /** The machine's key with a passphrase, and with the stranger's public key beside it. */
  async function mistaken(on: Machine, source: PassphraseSource): Promise<Subject> {
    const path = join(on.home, 'encrypted_key');
    const envelope = await sealSeed(on.identity.seed, Buffer.from('a good one'), CHEAP);
    writeFileSync(path, encodeStoredKey({ kind: 'encrypted', envelope }), { mode: 0o600 });
    writePublicKeyFile(path, STRANGER.publicKey);
    return { publicKey: STRANGER.publicKey, isOwn: true, own: OwnKey.read(path, source) };
  }

  const silent: PassphraseSource = { kind: 'value', value: 'a good one' };

  it("makes nothing of theirs one's own: what is shared from there is not taken, and the file corrected", async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ audience: { mode: 'share', publicKey: on.identity.publicKey } }), STRANGER);
    const subject = await mistaken(on, silent);
    const picking = () => pickup(on.dht, subject, on.ports, on.options);
    expect(await noOf(picking())).toMatch(/^refused: The public key beside .* has been corrected/);
    expect(on.log).not.toContain('take it?');
    expect(readPublicKeyFile(join(on.home, 'encrypted_key'))).toEqual(on.identity.publicKey);
  });

  it('does not hide what was sealed for the key itself', async () => {
    const on = await setUp();
    const third = identityOf(new Uint8Array(32).fill(202));
    await publishFrom(on, on.handoff({ audience: { mode: 'share', publicKey: on.identity.publicKey } }), third);
    const subject = { ...(await mistaken(on, silent)), publicKey: third.publicKey, isOwn: false };
    expect((await pickup(on.dht, subject, on.ports, on.options)).isTaken).toBe(true);
  });

  it('does not make it look as if nothing were there', async () => {
    const on = await setUp();
    await publishFrom(on);
    const subject = await mistaken(on, silent);
    const no = await noOf(pickup(on.dht, subject, on.ports, on.options));
    expect(no).toMatch(/^refused: The public key beside .* has been corrected/);
  });

  it('does not pass for the publisher of a handoff with a PIN', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ audience: { mode: 'pin', pin: Buffer.from('five-words') } }), STRANGER);
    const subject = await mistaken(on, silent);
    const ports = { ...on.ports, pins: { kind: 'value', value: 'five-words' } as const };
    const found = await look(on.dht, subject, ports, on.options);
    expect(found.isProvenOwn).toBe(false);
    const plain = await look(on.dht, { ...on.subject, publicKey: STRANGER.publicKey, isOwn: false }, ports, on.options);
    expect(plain.isProvenOwn).toBe(false);
  });
});

describe('the fourth no: it can not go on here', () => {
  const notHere = (on: Machine) =>
    on.handoff({ burn: true, payload: { host: '', project: '', session: sessionId(9) } });

  it('as the files of the session are not here, which is shown, not asked', async () => {
    const on = await setUp();
    await publishFrom(on, notHere(on));
    expect(await noOf(pickUp(on))).toMatch(/^no-session: The files of this session are not on this machine/);
    expect(on.log.at(-1)).toBe(`show ${sessionId(9)}`);
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
  });

  it('where that is to be reported, it is a result that takes and burns nothing', async () => {
    const on = await setUp();
    await publishFrom(on, notHere(on));
    const { found, isTaken, burnt } = await pickUp(on, { reportsMissing: true });
    expect([found.local.here, isTaken, burnt]).toEqual([false, false, null]);
    expect((await on.history.read(on.identity.publicKey)).spent).toEqual([]);
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
  });

  it('as its directory is not here; a burn handoff does not give its id away', async () => {
    const on = await setUp();
    await publishFrom(on);
    rmSync(on.project, { recursive: true });
    const failure = await pickUp(on).catch((error: unknown) => error as Failure);
    expect(failure).toMatchObject({ code: 'no-session', hint: expect.stringContaining(`--resume ${SESSION}`) });
    on.machine.nowMs += 1000;
    await publishFrom(on, on.handoff({ burn: true }));
    const burning = await pickUp(on).catch((error: unknown) => error as Failure);
    expect(burning).toMatchObject({ code: 'no-session', hint: expect.not.stringContaining(SESSION) });
  });

  it('as its directory may not be entered, which is known before the question', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn: true }));
    chmodSync(on.project, 0o600);
    const no = await noOf(pickUpAsNobody(on));
    chmodSync(on.project, 0o700);
    expect(no).toMatch(/^no-session: The session is here, but you may not enter its directory/);
    expect(on.log).not.toContain('burn it?');
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
  });

  it.each<[string, (transcript: string) => void, RegExp]>([
    ['is empty', (path) => writeFileSync(path, ''), /holds no conversation/],
    ['was copied only as a name', (path) => writeFileSync(path, '{"type":"summary"}\n'), /holds no conversation/],
    ["can't be read", (path) => chmodSync(path, 0o000), /can't be read/],
    ["can't be written", (path) => chmodSync(path, 0o400), /can't be written, so claude would save nothing/],
    ['is a folder', (path) => replaceBy(path, () => mkdirSync(path)), /are not on this machine/],
    ['is a pipe', (path) => replaceBy(path, () => execFileSync('mkfifo', [path])), /are not on this machine/],
    ['is a link to nothing', (path) => replaceBy(path, () => symlinkSync('nothing', path)), /are not on this machine/],
  ])('as its transcript %s', async (_, damage, message) => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn: true }));
    damage(transcriptOf(on));
    const no = await noOf(pickUpAsNobody(on));
    expect(no).toMatch(/^no-session: /);
    expect(no).toMatch(message);
    expect(on.log).not.toContain('burn it?');
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
  });

  it('as there is something in the way on this machine', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn: true }));
    const asked: boolean[] = [];
    const obstacle = async (_found: FoundHandoff, isSpent: boolean) => {
      asked.push(isSpent);
      return new Failure('no-claude', 'There is no claude.');
    };
    expect(await noOf(pickUp(on, {}, { obstacle }))).toBe('no-claude: There is no claude.');
    expect(asked).toEqual([true]);
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
  });

  it.each<[string, (on: Machine) => Partial<PickupPorts> | undefined, RegExp]>([
    ['its directory is gone', (on) => void rmSync(on.project, { recursive: true }), /its directory .* is not/],
    ['its transcript is gone', (on) => void rmSync(transcriptOf(on)), /are not on this machine/],
    ['its transcript was emptied', (on) => void writeFileSync(transcriptOf(on), ''), /holds no conversation/],
  ])('as %s since the question was asked', async (_, change, message) => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn: true }));
    const confirm = async () => {
      change(on);
      return true;
    };
    expect(await noOf(pickUp(on, {}, { confirm }))).toMatch(message);
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
  });

  it('as claude went away since the question was asked', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn: true }));
    let isGone = false;
    const confirm = async () => {
      isGone = true;
      return true;
    };
    const obstacle = async () => (isGone ? new Failure('no-claude', 'It went away.') : null);
    expect(await noOf(pickUp(on, {}, { confirm, obstacle }))).toBe('no-claude: It went away.');
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
  });
});

describe('the fifth no: it is not wanted', () => {
  it.each([
    [false, 'interrupted: Not picked up; the handoff is still there.'],
    [true, 'interrupted: Not picked up; nothing was burnt.'],
  ])('and is left alone (burn: %s)', async (burn, message) => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn }));
    expect(await noOf(pickUp(on, {}, { confirm: async () => false }))).toBe(message);
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
    expect((await on.history.read(on.identity.publicKey)).spent).toEqual([]);
  });
});

describe('the sixth no: it can not be burnt', () => {
  it('as nodes refuse the revocation: nothing is handed over, and it is not remembered as burnt', async () => {
    const on = await setUp();
    const record = await publishFrom(on, on.handoff({ burn: true }));
    for (const node of on.network.live) {
      const { answer } = node;
      node.answer = (query, self) => (query.name === 'put' ? { e: [202, 'no'] } : answer(query, self));
    }
    expect(await noOf(pickUp(on))).toMatch(/^not-burnt: .* Nothing was handed over\.$/);
    expect(hasEnded(await on.history.read(on.identity.publicKey), record)).toBe(false);
  });

  it('as another handoff was published while the question was open', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn: true }));
    const confirm = async () => {
      on.machine.nowMs += 3000;
      await publishFrom(on);
      // Look-ups of the last two seconds are reused.
      await new Promise((resolve) => setTimeout(resolve, 2100));
      return true;
    };
    expect(await noOf(pickUp(on, {}, { confirm }))).toMatch(/^refused: Another handoff has been published/);
  });

  it('as somebody else picked it up while the question was open', async () => {
    const on = await setUp();
    const record = await publishFrom(on, on.handoff({ burn: true }));
    const confirm = async () => {
      on.machine.nowMs += 3000;
      const elsewhere = { now: () => on.machine.nowMs, history: new History(temporaryFolder()) };
      await revoke(on.dht, on.identity, record.text, elsewhere);
      await new Promise((resolve) => setTimeout(resolve, 2100));
      return true;
    };
    expect(await noOf(pickUp(on, {}, { confirm }))).toMatch(/^refused: Somebody else picked up or revoked this/);
  });
});

describe('a burn that was interrupted', () => {
  /** Has all but the closest `count` nodes refuse every put. Returns a function that ends that. */
  function refuseAllBut(count: number, on: Machine): () => void {
    const closest = byDistance(on.network.live, target(on.identity.publicKey)).slice(count);
    const answers = closest.map(({ answer }) => answer);
    closest.forEach((node, i) => {
      node.answer = (query, self) => (query.name === 'put' ? { e: [202, 'no'] } : (answers[i]?.(query, self) ?? null));
    });
    return () =>
      closest.forEach((node, i) => {
        node.answer = answers[i] as SimulatedNode['answer'];
      });
  }

  /** A client that ends like a killed process: what it puts arrives, and nothing comes after. */
  const killedAtPut = (on: Machine, { arrives }: { arrives: boolean }): Dht => ({
    resolve: (...args) => on.dht.resolve(...args),
    put: async (...args) => {
      if (arrives) await (await on.dht.put(...args)).settled;
      throw new Error('killed');
    },
    close: () => {},
  });

  const burnOf = async (on: Machine) => publishFrom(on, on.handoff({ burn: true }));
  const claimOf = async (on: Machine) => (await on.history.read(on.identity.publicKey)).claim;

  it.each([true, false])('goes on in the next pickup (its packet arrived: %s), and once only', async (arrives) => {
    const on = await setUp();
    const record = await burnOf(on);
    await expect(pickup(killedAtPut(on, { arrives }), on.subject, on.ports, on.options)).rejects.toThrow('killed');
    expect(await claimOf(on)).toMatchObject({ record: record.text, payload: { session: SESSION } });
    on.log.length = 0;
    on.machine.nowMs += 3000;
    const { found, isTaken, burnt, handedOver } = await pickUp(on);
    expect([found.payload.session, isTaken]).toEqual([SESSION, true]);
    expect(burnt?.nodes).toBeGreaterThanOrEqual(8);
    expect(on.log.includes('goes on')).toBe(arrives);
    expect(heldTexts(on)).toBe(0);
    await handedOver();
    expect(await claimOf(on)).toBeNull();
    expect(await noOf(pickUp(on))).toMatch(/^revoked: /);
    expect(hasEnded(await on.history.read(on.identity.publicKey), record)).toBe(true);
  });

  it('goes on where it had reached all nodes, and only handing it over was left', async () => {
    const on = await setUp();
    await burnOf(on);
    await pickUp(on);
    const { found, burnt } = await pickUp(on);
    expect(found.payload.session).toBe(SESSION);
    expect(burnt?.nodes).toBeGreaterThanOrEqual(8);
    expect(await claimOf(on)).not.toBeNull();
  });

  it('goes on where the network has forgotten everything', async () => {
    const on = await setUp();
    await burnOf(on);
    await pickUp(on);
    putEverywhere(on, null);
    expect((await pickUp(on)).found.payload.session).toBe(SESSION);
    expect(isOwnBurn({ seqs: [] }, await on.dht.resolve(on.identity.publicKey))).toBe(false); // nothing was sent
  });

  it('does not go on once the handoff has expired', async () => {
    const on = await setUp();
    await burnOf(on);
    await pickUp(on);
    on.log.length = 0;
    on.machine.nowMs += 3600_000;
    expect(await noOf(pickUp(on))).toMatch(/^revoked: /);
    expect(on.log).not.toContain('goes on');
  });

  it('as too few nodes took it goes on, and never for another machine', async () => {
    const on = await setUp();
    const burning = itemOn(on, await burnOf(on));
    const recover = refuseAllBut(2, on);
    expect(await noOf(pickUp(on))).toMatch(/^not-burnt: .* Nothing was handed over\.$/);
    expect(await noOf(pickUp(on))).toMatch(/^not-burnt: /);
    recover();
    const elsewhere = { history: new History(temporaryFolder()) };
    expect(await noOf(pickUp(on, elsewhere))).toMatch(/^not-found: /);
    const { found, handedOver } = await pickUp(on);
    expect(found.payload.session).toBe(SESSION);
    await handedOver();
    putEverywhere(on, burning);
    expect(await noOf(pickUp(on))).toMatch(/^revoked: /);
  });

  it('as too few nodes took it, and these left, begins anew', async () => {
    const on = await setUp();
    const burning = itemOn(on, await burnOf(on));
    const recover = refuseAllBut(2, on);
    expect(await noOf(pickUp(on))).toMatch(/^not-burnt: /);
    recover();
    putEverywhere(on, burning);
    on.machine.nowMs += 3000;
    expect((await pickUp(on)).burnt?.nodes).toBeGreaterThanOrEqual(8);
  });

  it('does not go on where another machine has burnt it since', async () => {
    const on = await setUp();
    const record = await burnOf(on);
    const dht = killedAtPut(on, { arrives: false });
    await expect(pickup(dht, on.subject, on.ports, on.options)).rejects.toThrow('killed');
    on.machine.nowMs += 3000;
    const elsewhere = { now: () => on.machine.nowMs, history: new History(temporaryFolder()) };
    await revoke(on.dht, on.identity, record.text, elsewhere);
    expect(await noOf(pickUp(on))).toMatch(/^not-found: /);
  });

  it("is nobody else's while the process that burns it runs", async () => {
    const on = await setUp();
    const record = await burnOf(on);
    await on.history.claim(record, on.handoff().payload);
    const file = join(on.home, 'state', 'history', `${encodePublicKey(on.identity.publicKey)}.json`);
    const holderIs = (pid: number) => {
      const memory = JSON.parse(readFileSync(file, 'utf8'));
      const holder = { ...memory.claim.holder, pid, start: startOf(pid) };
      writeFileSync(file, JSON.stringify({ ...memory, claim: { ...memory.claim, holder } }));
    };
    holderIs(process.ppid);
    expect(await noOf(pickUp(on))).toMatch(/^refused: Another cclink on this machine/);
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
    holderIs(2 ** 22 + 1);
    expect((await pickUp(on)).isTaken).toBe(true);
  });

  it('is told by a look, which finishes the burn and hands nothing over', async () => {
    const on = await setUp();
    await burnOf(on);
    const recover = refuseAllBut(2, on);
    expect(await noOf(pickUp(on))).toMatch(/^not-burnt: /);
    recover();
    expect(await noOf(look(on.dht, on.subject, on.ports, on.options))).toMatch(/^revoked: .* never handed over/);
    expect(heldTexts(on)).toBe(0);
    expect((await pickUp(on)).isTaken).toBe(true);
  });

  it('is not what a newer handoff is: that is offered', async () => {
    const on = await setUp();
    await burnOf(on);
    await pickUp(on);
    on.machine.nowMs += 1000;
    const other = sessionId(2);
    writeTranscript(join(on.home, '.claude'), slugOf(on.project), other, [said(on.project)]);
    await publishFrom(on, on.handoff({ payload: { host: '', project: on.project, session: other } }));
    expect((await pickUp(on)).found.payload.session).toBe(other);
  });
});

describe('what too few nodes have', () => {
  it("of a handoff of one's own is put again, unless it burns", async () => {
    const on = await setUp();
    for (const burn of [false, true]) {
      on.machine.nowMs += 1000;
      const item = itemOn(on, await publishFrom(on, on.handoff({ burn })));
      byDistance(on.network.live, target(on.identity.publicKey)).forEach((node, i) => {
        node.held = i < 2 ? item : null;
      });
      on.log.length = 0;
      await pickUp(on, {}, { confirm: async () => false }).catch(() => {});
      expect([heldTexts(on) > 8, on.log.includes('put again')]).toEqual([!burn, !burn]);
    }
  });

  it('of a handoff that was revoked here is not: that is said', async () => {
    const on = await setUp();
    const record = await publishFrom(on);
    const item = itemOn(on, record);
    const refusing = on.network.live.map((node) => {
      const { answer } = node;
      node.answer = (query, self) => (query.name === 'put' ? { e: [202, 'no'] } : answer(query, self));
      return () => {
        node.answer = answer;
      };
    });
    const here = { now: () => on.machine.nowMs, history: on.history };
    await expect(revoke(on.dht, on.identity, record.text, here)).rejects.toMatchObject({ code: 'not-burnt' });
    for (const recover of refusing) recover();
    on.network.live.forEach((node, i) => {
      node.held = i === 0 ? item : null;
    });
    await pickUp(on);
    expect(on.log).toContain('not revoked');
    expect(heldTexts(on)).toBe(1);
  });
});

describe('the session here, compared with its handoff', () => {
  const handedOver = { createdAt: 1_000_000n } as SignedRecord;
  const compare = (afterSeconds: number | null, isFromHere = false) => {
    const lastChangeMs = afterSeconds === null ? null : (1_000_000 + afterSeconds) * 1000;
    return compareCopy({ record: handedOver, local: { lastChangeMs } as FoundHandoff['local'], isFromHere });
  };

  it.each([
    [-720, 'older'],
    [-121, 'older'],
    [-30, null],
    [0, null],
    [5, null],
    [600, 'newer'],
    [null, null],
  ])('last changed %s seconds after it: %s', (after, answer) => expect(compare(after)).toBe(answer));

  it('is no older copy where it was published', () => {
    expect(compare(-720, true)).toBeNull();
    expect(compare(600, true)).toBe('newer');
  });

  it('was published here, or elsewhere', async () => {
    const on = await setUp();
    await publishFrom(on);
    expect((await look(on.dht, on.subject, on.ports, on.options)).isFromHere).toBe(false);
    const now = () => on.machine.nowMs;
    await publish(on.dht, on.identity, on.handoff(), { now, history: on.history });
    expect((await look(on.dht, on.subject, on.ports, on.options)).isFromHere).toBe(true);
  });
});

describe('a look', () => {
  it('opens the newest handoff and changes nothing', async () => {
    const on = await setUp();
    await publishFrom(on, on.handoff({ burn: true }));
    const found: FoundHandoff = await look(on.dht, on.subject, on.ports, on.options);
    expect(found.payload.session).toBe(SESSION);
    expect(heldTexts(on)).toBeGreaterThanOrEqual(8);
    expect(await on.history.read(on.identity.publicKey)).toMatchObject({ seen: 0, spent: [] });
  });
});
