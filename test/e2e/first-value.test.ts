import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_PACKET, encodePacket, parsePacket } from '../../src/dht/dns-packet.ts';
import { type MutableItem, signItem } from '../../src/dht/mutable-item.ts';
import { History } from '../../src/handoff/history.ts';
import { encodePayload } from '../../src/handoff/payload.ts';
import { signRecord } from '../../src/handoff/record.ts';
import { type Audience, sealerFor } from '../../src/handoff/seal.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { nodeForTest } from '../support/closed-after-test.ts';
import { Machine, type TerminalRun } from '../support/machine.ts';
import { honest, type SimulatedNode } from '../support/simulated-node.ts';
import { fromHex } from '../support/vectors.ts';

const OLD = '11111111-1111-4111-8111-111111111111';
const NEW = '22222222-2222-4222-8222-222222222222';
const PASSPHRASE = 'a good passphrase';
const RETURN = '\r';
const CTRL_C = '\u0003';
const STRANGER = identityOf(new Uint8Array(32).fill(7)).publicKey;
/**
 * How long the last node keeps a walk open: long enough to see and answer a question, and less than the
 * second that a walk waits for a bootstrap node.
 */
const LATE_MS = 900;
/** For tests where only the order of the answers matters. */
const BRIEFLY_LATE_MS = 300;

let desk: Machine;
let identity: Identity;
let seq: number;

beforeEach(async () => {
  desk = new Machine('desk', '');
  await desk.init();
  identity = identityOf(fromHex(readFileSync(desk.keyFile, 'utf8')));
  for (const id of [OLD, NEW]) desk.addSession(desk.project, { id });
  desk.installClaude();
  seq = Date.now() * 1000;
});
afterEach(() => desk.remove());

/** All the nodes that the desk knows: three answer at once, and one answers late. */
class Network {
  readonly nodes: SimulatedNode[] = [];
  /** The nodes that all of them name. */
  named: SimulatedNode[] = [];
  private readonly lateMs: number;
  /** When the late node was first asked, and when the first `put` arrived anywhere, in Unix milliseconds. */
  askedAtMs = Number.POSITIVE_INFINITY;
  putAtMs = Number.POSITIVE_INFINITY;

  private constructor(lateMs: number) {
    this.lateMs = lateMs;
  }

  /** Three nodes hold `first`, and the late one `newest`. */
  static async start(first: MutableItem, newest: MutableItem, lateMs = LATE_MS): Promise<Network> {
    const network = new Network(lateMs);
    for (const [i, held] of [first, first, first, newest].entries()) {
      const node = await nodeForTest(network.answer, i === 3 ? { delayMs: network.late } : {});
      node.held = held;
      network.nodes.push(node);
    }
    desk.env['CCLINK_BOOTSTRAP'] = network.nodes.map(({ host, port }) => `${host}:${port}`).join(',');
    return network;
  }

  private readonly answer: SimulatedNode['answer'] = (query, node) => {
    if (query.name === 'put') this.putAtMs = Math.min(this.putAtMs, Date.now());
    return honest(() => this.named)(query, node);
  };

  /** Nothing is answered before its time, however often the walk asks, and everything at once afterwards. */
  private readonly late = (): number => {
    if (this.askedAtMs === Number.POSITIVE_INFINITY) this.askedAtMs = Date.now();
    return Math.max(0, this.askedAtMs + this.lateMs - Date.now());
  };

  /** The earliest that the walk can have ended; a timer may fire a little early. */
  get endedAtMs(): number {
    return this.askedAtMs + this.lateMs - 20;
  }

  get isOut(): boolean {
    return Date.now() < this.endedAtMs;
  }
}

/** A packet under the desk's key, newer than all before it. */
function packetOf(text: string | null): MutableItem {
  const name = encodePublicKey(identity.publicKey);
  const value = encodePacket(text === null ? EMPTY_PACKET : HANDOFF_TXT.write(EMPTY_PACKET, name, text));
  return signItem(identity.seed, identity.publicKey, ++seq, value);
}

interface Wanted {
  readonly audience?: Audience;
  readonly burn?: boolean;
  /** How long ago it was published. */
  readonly ageSeconds?: number;
}

/** A packet with a handoff that lasts an hour. */
async function handoffOf(session: string, { audience = { mode: 'self' }, burn = false, ageSeconds = 0 }: Wanted = {}) {
  const sealer = await sealerFor(audience, identity.seed);
  const record = signRecord(
    {
      blob: await sealer.seal(encodePayload({ host: 'laptop', project: desk.project, session })),
      burn,
      createdAt: BigInt(Math.floor(Date.now() / 1000) - ageSeconds),
      hostname: '',
      pinSalt: sealer.pinSalt,
      project: '',
      publicKey: identity.publicKey,
      recipient: audience.mode === 'share' ? encodePublicKey(audience.publicKey) : null,
      ttl: 3600n,
    },
    identity.seed,
  );
  return packetOf(record.text);
}

const pinned = (pin: string): Wanted => ({ audience: { mode: 'pin', pin: Buffer.from(pin) } });

const timesShown = (run: TerminalRun, what: RegExp): number => run.text.match(new RegExp(what, 'g'))?.length ?? 0;

const nothingHappened = (network: Network) => {
  expect(desk.claudeStart()).toBeNull();
  expect(network.putAtMs).toBe(Number.POSITIVE_INFINITY);
};

describe('a pickup at a terminal, while a node is still out', () => {
  it('shows the handoff and asks at once, and runs it only after the last answer', async () => {
    const handoff = await handoffOf(OLD);
    const network = await Network.start(handoff, handoff);
    const run = desk.terminal(['pickup']);
    await run.answers(/Session +11111111[\s\S]*Go on with this session here\?/, `y${RETURN}`);
    expect(network.isOut).toBe(true);
    expect(await run.end()).toBe(0);
    expect(desk.claudeStart()?.args).toEqual(['--resume', OLD]);
    expect(statSync(join(desk.home, 'claude-start.json')).mtimeMs).toBeGreaterThan(network.endedAtMs);
    expect(timesShown(run, /Session +11111111/)).toBe(1);
  });

  it('burns it only after the last answer', async () => {
    const handoff = await handoffOf(OLD, { burn: true });
    const network = await Network.start(handoff, handoff);
    const run = desk.terminal(['pickup']);
    await run.answers(/Pick it up\? This burns it/, `y${RETURN}`);
    expect(network.isOut).toBe(true);
    await run.sees(/Asking the network/);
    expect(await run.end()).toBe(0);
    expect(network.putAtMs).toBeGreaterThan(network.endedAtMs);
    const name = encodePublicKey(identity.publicKey);
    const left = network.nodes.map(({ held }) => HANDOFF_TXT.read(parsePacket(held?.value ?? new Uint8Array()), name));
    expect(left).toEqual([null, null, null, null]);
    expect(desk.claudeStart()?.args).toEqual(['--resume', OLD]);
  });

  it('asks again where a newer handoff stands there, and leaves the old one alone', async () => {
    const older = await handoffOf(OLD, { burn: true });
    const newer = await handoffOf(NEW);
    const network = await Network.start(older, newer);
    for (const answer of [RETURN, `y${RETURN}`]) {
      for (const [i, node] of network.nodes.entries()) node.held = i < 3 ? older : newer;
      const run = desk.terminal(['pickup']);
      await run.answers(/Pick it up\? This burns it/, `y${RETURN}`);
      await run.answers(/A newer handoff is there now\.[\s\S]*Session +2222[\s\S]*Go on with this session/, answer);
      expect(desk.claudeStart()).toBeNull();
      expect(await run.end()).toBe(answer === RETURN ? 130 : 0);
      network.askedAtMs = Number.POSITIVE_INFINITY;
    }
    expect(desk.claudeStart()?.args).toEqual(['--resume', NEW]);
    // The newer one, which only one node had, was put again; neither was burnt.
    expect(network.nodes.map(({ held }) => held?.seq)).toEqual(network.nodes.map(() => newer.seq));
  });

  it.each<[string, () => MutableItem | Promise<MutableItem>, number, RegExp]>([
    ['expired meanwhile', () => handoffOf(NEW, { ageSeconds: 3700 }), 3, /expired/],
    ['became unreadable meanwhile', () => packetOf('{}'), 5, /not a handoff that cclink understands/],
    [
      'is in conflict with another',
      () => {
        seq -= 1; // the number of the first
        return handoffOf(NEW);
      },
      5,
      /two different packets/,
    ],
  ])('fails as ever, and runs and burns nothing, where it %s', async (_what, newest, code, message) => {
    const network = await Network.start(await handoffOf(OLD, { burn: true }), await newest());
    const run = desk.terminal(['pickup']);
    await run.answers(/Pick it up\? This burns it/, `y${RETURN}`);
    expect(await run.end()).toBe(code);
    expect(run.text).toMatch(message);
    expect(run.text).not.toMatch(/newer handoff/);
    nothingHappened(network);
  });

  it('runs nothing where it was taken back meanwhile, and sees to it that all nodes know', async () => {
    const network = await Network.start(await handoffOf(OLD, { burn: true }), packetOf(null));
    const run = desk.terminal(['pickup']);
    await run.answers(/Pick it up\? This burns it/, `y${RETURN}`);
    expect(await run.end()).toBe(3);
    expect(run.text).toMatch(/too few nodes knew: 4 nodes know it now\.[\s\S]*There is no handoff under your key/);
    expect(desk.claudeStart()).toBeNull();
    expect(network.nodes.map(({ held }) => held?.seq)).toEqual([seq, seq, seq, seq]);
  });

  it.each([
    ['publish', [OLD]],
    ['revoke', []],
  ])('a %s that replaces two packets in conflict says that they are there', async (command, args) => {
    const one = await handoffOf(OLD);
    seq -= 1; // the next packet gets the same number
    await Network.start(one, await handoffOf(NEW), BRIEFLY_LATE_MS);
    const { code, stderr } = await desk.run([command, '--yes', ...args]);
    expect(stderr).toContain('there are two different packets with one number under your key');
    expect(code).toBe(0);
  });

  it('fails, and runs and burns nothing, where the time runs out before the last answer', async () => {
    const handoff = await handoffOf(OLD, { burn: true });
    const network = await Network.start(handoff, handoff, 0);
    // Each is slow, and leads to the next.
    for (let i = 0; i < 5; i += 1) {
      const { named } = network;
      const node = await nodeForTest(
        honest(() => named),
        { delayMs: 350 },
      );
      network.named = [node];
    }
    const run = desk.terminal(['pickup', '--timeout', '1s']);
    await run.answers(/Pick it up\? This burns it/, `y${RETURN}`);
    expect(await run.end()).toBe(6);
    expect(run.text).toMatch(/not to the end within 1 s/);
    nothingHappened(network);
  });

  it.each<[string, Wanted, RegExp, string, string]>([
    ['a no', { burn: true }, /Pick it up\?/, `n${RETURN}`, 'Not picked up; nothing was burnt.'],
    ['Ctrl-C', { burn: true }, /Pick it up\?/, CTRL_C, 'Interrupted.'],
    ['Ctrl-C in place of a PIN', pinned('correct horse battery'), /PIN of the handoff/, CTRL_C, 'Interrupted.'],
  ])('ends at once with %s', async (_what, wanted, question, answer, message) => {
    const handoff = await handoffOf(OLD, wanted);
    const network = await Network.start(handoff, handoff);
    const run = desk.terminal(['pickup']);
    await run.answers(question, answer);
    expect(await run.end()).toBe(130);
    expect(network.isOut).toBe(true);
    expect(run.text.trimEnd().endsWith(message)).toBe(true);
    nothingHappened(network);
  });

  it('shows only the newest where that was known before the first was opened', async () => {
    const pin = 'correct horse battery';
    const network = await Network.start(
      await handoffOf(OLD, pinned(pin)),
      await handoffOf(NEW, pinned(pin)),
      BRIEFLY_LATE_MS,
    );
    const run = desk.terminal(['pickup', '--no-run']);
    await run.sees(/PIN of the handoff/);
    await expect.poll(() => network.isOut).toBe(false);
    await run.answers(/PIN of the handoff/, pin + RETURN);
    await run.answers(/Go on with this session here\?/, `y${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(run.text).toContain(NEW);
    expect(run.text).not.toMatch(/1111|newer handoff/);
  });

  it.each<[string, () => MutableItem | Promise<MutableItem>]>([
    ['cannot be read', () => packetOf('{}')],
    ['expired', () => handoffOf(OLD, { ageSeconds: 3700 })],
    ['is from the future', () => handoffOf(OLD, { ageSeconds: -3700 })],
    ['is sealed for another', () => handoffOf(OLD, { audience: { mode: 'share', publicKey: STRANGER } })],
    ['names no session of Claude Code', () => handoffOf('../../etc/passwd')],
    ['names a session that is not here', () => handoffOf('33333333-3333-4333-8333-333333333333')],
    [
      'is older than the last that was published here',
      async () => {
        const old = await handoffOf(OLD);
        const history = new History(join(desk.home, '.local/state/cclink'));
        await history.reserve(identity.publicKey, () => old.seq + 1);
        await history.notePlaced(identity.publicKey, old.seq + 1, { revoked: false });
        return old;
      },
    ],
  ])('waits for the newest where the first %s', async (_what, first) => {
    await Network.start(await first(), await handoffOf(NEW), BRIEFLY_LATE_MS);
    const run = desk.terminal(['pickup']);
    await run.answers(/Go on with this session here\?/, `y${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(timesShown(run, /Session +/)).toBe(1);
    expect(run.text).not.toMatch(/newer handoff|Error|Warning/);
    expect(desk.claudeStart()?.args).toEqual(['--resume', NEW]);
  });
});

describe('what was typed for the first handoff', () => {
  it('serves the newest too: a passphrase', async () => {
    await desk.run(['init', '--import', desk.keyFile, '-y'], { env: { CCLINK_PASSPHRASE: PASSPHRASE } });
    await Network.start(await handoffOf(OLD), await handoffOf(NEW), BRIEFLY_LATE_MS);
    const run = desk.terminal(['show']);
    await run.answers(/Passphrase of your key/, PASSPHRASE + RETURN);
    expect(await run.end()).toBe(0);
    expect(run.text).toContain(NEW);
    expect(run.text).not.toContain(OLD);
  });

  it('serves the newest too: a PIN, and the newest alone is shown', async () => {
    const pin = 'correct horse battery';
    await Network.start(await handoffOf(OLD, pinned(pin)), await handoffOf(NEW, pinned(pin)), BRIEFLY_LATE_MS);
    const run = desk.terminal(['show']);
    await run.answers(/PIN of the handoff/, pin + RETURN);
    expect(await run.end()).toBe(0);
    expect(run.text).toContain(NEW);
    expect(run.text).not.toContain(OLD);
  });

  it('is tried on the newest before anything is asked again, also a PIN that did not open the first', async () => {
    await Network.start(
      await handoffOf(OLD, pinned('the old pin')),
      await handoffOf(NEW, pinned('the new pin')),
      BRIEFLY_LATE_MS,
    );
    const run = desk.terminal(['show']);
    await run.answers(/PIN of the handoff/, `the new pin${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(run.text).toContain(NEW);
    expect(run.text).not.toContain('try again');
  });

  it('is asked for again where the newest needs another PIN', async () => {
    await Network.start(
      await handoffOf(OLD, pinned('the old pin')),
      await handoffOf(NEW, pinned('the new pin')),
      BRIEFLY_LATE_MS,
    );
    const run = desk.terminal(['show']);
    await run.answers(/PIN of the handoff/, `the old pin${RETURN}`);
    await run.answers(/try again[\s\S]*PIN of the handoff/, `the new pin${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(run.text).toContain(NEW);
    expect(run.text).not.toContain(OLD);
  });
});

describe('where nobody is asked', () => {
  it.each([
    [['pickup', '-y', '--no-run']],
    [['pickup', '-y', '--json']],
    [['show']],
    [['show', '--json']],
    [['list']],
    [['list', '--json']],
  ])('only the newest is printed: %j', async (args) => {
    await Network.start(await handoffOf(OLD, { burn: true }), await handoffOf(NEW), BRIEFLY_LATE_MS);
    const { code, stdout, stderr } = await desk.run(args);
    expect(code).toBe(0);
    expect(stdout + stderr).toContain(NEW);
    expect(stdout + stderr).not.toMatch(/11111111|newer handoff/);
  });

  it.each([['show'], ['list']])('%s opens the key while a node is still out', async (command) => {
    await desk.run(['init', '--import', desk.keyFile, '-y'], { env: { CCLINK_PASSPHRASE: PASSPHRASE } });
    const handoff = await handoffOf(OLD);
    const network = await Network.start(handoff, handoff);
    const opened = join(desk.home, 'opened');
    const env = { CCLINK_PASSPHRASE_COMMAND: `echo once >> '${opened}'; echo '${PASSPHRASE}'` };
    expect((await desk.run([command], { env })).stdout).toContain(OLD);
    expect(statSync(opened).mtimeMs).toBeLessThan(network.endedAtMs);
    expect(readFileSync(opened, 'utf8')).toBe('once\n');
  });

  it('a wrong passphrase is no failure of a list that turns out empty', async () => {
    await desk.run(['init', '--import', desk.keyFile, '-y'], { env: { CCLINK_PASSPHRASE: PASSPHRASE } });
    await Network.start(await handoffOf(OLD), packetOf(null), BRIEFLY_LATE_MS);
    expect(await desk.json(['list'], { env: { CCLINK_PASSPHRASE: 'another passphrase' } })).toEqual([]);
  });
});
