import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publicKeyOf } from '../src/crypto/ed25519.ts';
import { parseBootstrap } from '../src/dht/bootstrap.ts';
import { openDht } from '../src/dht/client.ts';
import { type MutableItem, signItem, target } from '../src/dht/mutable-item.ts';
import { Machine } from '../test/support/machine.ts';
import {
  destroy,
  get,
  openPlainDht,
  type PlainOptions,
  plainClientArgs,
  put,
  TUNED,
} from '../test/support/plain-dht.ts';
import type { NetworkOptions } from '../test/support/simulated-network.ts';
import { startWorkingChild } from '../test/support/working-child.ts';
import { bundled } from './bundle.ts';
import { run } from './measure.ts';
import { noise } from './noise.ts';
import { drawTimes } from './plot.ts';
import type { Report, Row } from './report.ts';
import type { SimulatedNetworkProcess, SimulatedNetworkWork } from './simulated-network-child.ts';

const PROGRAM = fileURLToPath(new URL('../bin/cclink.cjs', import.meta.url));
const PLOT = fileURLToPath(new URL('../docs/network-times.svg', import.meta.url));

/** 60 nodes: half of them dead, and an answer takes 50 ms. */
const SMALL: NetworkOptions = { live: 30, dead: 30, delayMs: 50 };
/**
 * 300 nodes like the real network is said to be: round trips of 30 to 300 ms, losses, 30 % of the nodes dead.
 */
const LARGE: NetworkOptions = { ...sized(300), loss: 0.03 };
/** How many keys are tried with one seed for the network. */
const KEYS_A_NETWORK = 10;
const VALUE_BYTES = 700;
const OLD = 1_790_000_000_000_000;
const NEW = OLD + 1_000_000;

function sized(nodes: number): NetworkOptions {
  return { live: Math.round(nodes * 0.7), dead: Math.round(nodes * 0.3), delayMs: { median: 90, sigma: 0.6 } };
}

/**
 * The walk on simulated networks against bittorrent-dht, both with its defaults and tuned for speed. The
 * limits are those of the issue.
 */
export async function network(report: Report, share: number): Promise<void> {
  const simulated = startWorkingChild<SimulatedNetworkWork>(new URL('simulated-network-child.ts', import.meta.url));
  const rounds = (count: number) => Math.max(2, Math.round(count * share));
  try {
    await commands(report, simulated, rounds);
    await calls(report, simulated, rounds);
    await newest(report, simulated, rounds);
    await firstValue(report, simulated, rounds);
    await hostile(report, simulated, rounds);
    await growth(report, simulated, rounds);
    await noise(report, simulated, await simulated.ask('start', sized(300)), keyFor(0).item(NEW));
  } finally {
    simulated.close();
  }
}

type Rounds = (count: number) => number;

/** The `i`th key, the same in every run, and packets under it. */
function keyFor(i: number): { publicKey: Uint8Array; item: (seq: number) => MutableItem } {
  const seed = createHash('sha256').update(`bench key ${i}`).digest();
  const publicKey = publicKeyOf(seed);
  return { publicKey, item: (seq) => signItem(seed, publicKey, seq, Buffer.alloc(VALUE_BYTES, seq % 251)) };
}

/** A client that is opened anew for each call. */
interface Client {
  readonly name: string;
  /** Resolves to the milliseconds until enough nodes held it. */
  put(bootstrap: string, item: MutableItem): Promise<number>;
  /** The `seq` that was found, or null. */
  get(bootstrap: string, publicKey: Uint8Array): Promise<number | null>;
}

const OURS: Client = {
  name: 'cclink',
  put: (bootstrap, item) => {
    const began = performance.now();
    return withOurs(bootstrap, async (dht) => {
      const { settled } = await dht.put(item);
      const milliseconds = performance.now() - began;
      await settled;
      return milliseconds;
    });
  },
  get: (bootstrap, publicKey) => withOurs(bootstrap, async (dht) => (await dht.resolve(publicKey)).newest?.seq ?? null),
};

async function withOurs<T>(bootstrap: string, work: (dht: ReturnType<typeof openDht>) => Promise<T>): Promise<T> {
  const dht = openDht({ bootstrap: parseBootstrap(bootstrap) });
  try {
    return await work(dht);
  } finally {
    dht.close();
  }
}

function plain(name: string, options: PlainOptions): Client {
  const once = async <T>(bootstrap: string, work: (dht: ReturnType<typeof openPlainDht>) => Promise<T>): Promise<T> => {
    const dht = openPlainDht(bootstrap, options);
    try {
      return await work(dht);
    } finally {
      await destroy(dht);
    }
  };
  return {
    name,
    put: (bootstrap, item) => {
      const began = performance.now();
      return once(bootstrap, async (dht) => {
        await put(dht, item);
        return performance.now() - began;
      });
    },
    get: (bootstrap, publicKey) => once(bootstrap, (dht) => get(dht, publicKey)),
  };
}

const AS_IT_COMES = plain('bittorrent-dht as it comes', {});
/**
 * A reader that is not hasty enough to miss a value, yet does not wait for dead nodes as long as the defaults
 * do.
 */
const PATIENT: PlainOptions = { timeout: 700, concurrency: 64 };
const MADE_QUICK = plain('bittorrent-dht, timeout 150, concurrency 64', TUNED);

/** A fresh network for the `i`th key, without traces of earlier clients. */
async function networkFor(simulated: SimulatedNetworkProcess, options: NetworkOptions, i: number): Promise<string> {
  return simulated.ask('start', { ...options, seed: 1 + Math.floor(i / KEYS_A_NETWORK) });
}

async function commands(report: Report, simulated: SimulatedNetworkProcess, rounds: Rounds): Promise<void> {
  const count = rounds(20);
  const plainProgram = await bundled(new URL('plain-client.ts', import.meta.url));
  const samples: Record<string, number[]> = {};
  const note = (name: string, milliseconds: number) => {
    samples[name] = [...(samples[name] ?? []), milliseconds];
  };
  try {
    for (let i = 0; i < count; i += 1) {
      const bootstrap = await simulated.ask('start', { ...SMALL, seed: i + 1 });
      const machine = new Machine('bench', bootstrap);
      try {
        machine.addSession();
        await machine.init();
        const cclink = async (args: string[], code = 0) => {
          const { project: cwd, env } = machine;
          const ran = await run({ file: process.execPath, args: [PROGRAM, ...args], cwd, env, code });
          return { result: ran.resultMilliseconds ?? ran.milliseconds, end: ran.milliseconds };
        };
        const forgetNodes = () => rmSync(join(machine.home, '.cache'), { recursive: true, force: true });
        for (const warm of ['', ', warm']) {
          const before = warm === '' ? forgetNodes : () => {};
          await simulated.ask('clear');
          before();
          note(`cclink pickup, nothing there${warm}`, (await cclink(['pickup', '--yes', '--no-run'], 3)).end);
          before();
          const published = await cclink(['publish', '--yes']);
          note(`cclink publish${warm}`, published.result);
          note(`cclink publish${warm}: to the end`, published.end);
          before();
          note(`cclink pickup${warm}`, (await cclink(['pickup', '--yes', '--no-run'])).end);
        }
        const item = keyFor(i).item(NEW);
        const program = async (how: 'tuned' | 'as-it-comes', does: 'put' | 'get') => {
          const args = [plainProgram.path, ...plainClientArgs(how, does, bootstrap, item)];
          return (await run({ file: process.execPath, args, env: machine.env })).milliseconds;
        };
        for (const [how, { name }] of [
          ['tuned', MADE_QUICK],
          ['as-it-comes', AS_IT_COMES],
        ] as const) {
          if (how === 'as-it-comes' && i >= count / 4) continue;
          await simulated.ask('clear');
          note(`${name}: nothing there`, await program(how, 'get'));
          note(`${name}: put`, await program(how, 'put'));
          note(`${name}: get`, await program(how, 'get'));
        }
      } finally {
        machine.remove();
      }
    }
  } finally {
    plainProgram.remove();
  }
  report.section(
    '60 nodes, half of them dead, answers held back 50 ms: whole commands, from spawn to the result line, or to exit where that says so',
    `${count} networks by turns; a fourth of them for bittorrent-dht as it comes. Warm: nodes of earlier commands are in the cache folder.`,
    'A get of bittorrent-dht ends with the first value that it meets; "cclink pickup" with the newest of the 8 closest nodes.',
  );
  const rows = (does: string, plainDoes: string, cold: number, warm: number, p95: number): Row[] => [
    ...[AS_IT_COMES, MADE_QUICK].map(({ name }) => ({
      name: `${name}: ${plainDoes}`,
      samples: samples[`${name}: ${plainDoes}`] ?? [],
    })),
    { name: `cclink ${does}`, samples: samples[`cclink ${does}`] ?? [], limits: [cold, p95] },
    { name: `cclink ${does}, warm`, samples: samples[`cclink ${does}, warm`] ?? [], limits: [warm, p95] },
  ];
  const toTheEnd = ['cclink publish: to the end', 'cclink publish, warm: to the end'];
  report.table('ms', [
    ...rows('publish', 'put', 600, 500, 1200),
    ...toTheEnd.map((name) => ({ name, samples: samples[name] ?? [] })),
    ...rows('pickup', 'get', 450, 400, 900),
    ...rows('pickup, nothing there', 'nothing there', 450, 400, 900),
  ]);
}

async function calls(report: Report, simulated: SimulatedNetworkProcess, rounds: Rounds): Promise<void> {
  const counts = new Map<Client, number>([
    [AS_IT_COMES, rounds(10)],
    [MADE_QUICK, rounds(50)],
    [OURS, rounds(100)],
  ]);
  const limits = { publish: [750, 1100], resolve: [450, 700], 'nothing there': [450, 700] } as const;
  const samples = new Map<string, number[]>();
  const found = new Map<Client, number>();
  /** The mean number of requests for a publish. */
  const requests = new Map<Client, number>();
  const add = ({ name }: Client, what: string, milliseconds: number) => {
    samples.set(`${name}: ${what}`, [...(samples.get(`${name}: ${what}`) ?? []), milliseconds]);
  };
  for (let i = 0; i < rounds(100); i += 1) {
    const bootstrap = await networkFor(simulated, LARGE, i);
    const { publicKey, item } = keyFor(i);
    for (const [client, count] of counts) {
      if (i >= count) continue;
      const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
        const began = performance.now();
        const result = await work();
        add(client, what, performance.now() - began);
        return result;
      };
      await simulated.ask('clear');
      await timed('nothing there', () => client.get(bootstrap, publicKey));
      await simulated.ask('clear');
      add(client, 'publish', await timed('publish: to the end', () => client.put(bootstrap, item(NEW))));
      requests.set(client, (requests.get(client) ?? 0) + (await simulated.ask('queries')) / count);
      await simulated.ask('clear');
      await simulated.ask('hold', target(publicKey), Array(8).fill(item(NEW)));
      const seq = await timed('resolve', () => client.get(bootstrap, publicKey));
      found.set(client, (found.get(client) ?? 0) + (seq === NEW ? 1 : 0));
    }
  }
  report.section(
    '300 nodes, 30 % dead, round trips log-normal (median 90 ms, sigma 0.6), 3 % loss each way: from the call, cold',
    [...counts].map(([{ name }, count]) => `${name}: ${count} of each`).join('; '),
  );
  const rowsOf = (what: keyof typeof limits) =>
    [...counts.keys()].map((client): Row => {
      const name = `${client.name}: ${what}`;
      const note = what === 'resolve' ? { note: `found ${found.get(client)} of ${counts.get(client)}` } : {};
      return { name, samples: samples.get(name) ?? [], ...note, ...(client === OURS ? { limits: limits[what] } : {}) };
    });
  const ended = `${OURS.name}: publish: to the end`;
  report.table('ms', [
    ...(Object.keys(limits) as (keyof typeof limits)[]).flatMap(rowsOf),
    { name: ended, samples: samples.get(ended) ?? [] },
  ]);
  const requestsOf = [...counts.keys()].map((client) => `${client.name} ${requests.get(client)?.toFixed(0)}`);
  report.note(`requests of a publish, as the nodes counted them: ${requestsOf.join('; ')}`);
  if (rounds(100) < 100) return; // too few rounds for the plot
  drawTimes(
    PLOT,
    (Object.keys(limits) as (keyof typeof limits)[]).map((what) => ({
      title: `${what}: part of the calls that are done after this time`,
      curves: [
        { label: OURS.name, colour: '#0b6e4f' },
        { label: MADE_QUICK.name, colour: '#c8553d', dashes: '6 3' },
        { label: AS_IT_COMES.name, colour: '#5b5f97', dashes: '2 3' },
      ].map((curve) => ({ ...curve, samples: samples.get(`${curve.label}: ${what}`) ?? [] })),
    })),
  );
}

async function newest(report: Report, simulated: SimulatedNetworkProcess, rounds: Rounds): Promise<void> {
  const counts = new Map<Client, number>([
    [AS_IT_COMES, rounds(5)],
    [MADE_QUICK, rounds(50)],
    [OURS, rounds(200)],
  ]);
  const found = { all: new Map<Client, number>(), some: new Map<Client, number>() };
  for (let i = 0; i < rounds(200); i += 1) {
    const bootstrap = await networkFor(simulated, LARGE, i);
    const { publicKey, item } = keyFor(i);
    for (const [client, count] of counts) {
      if (i >= count) continue;
      const held = { all: Array(8).fill(item(NEW)), some: [...Array(5).fill(item(OLD)), ...Array(3).fill(item(NEW))] };
      for (const kind of ['all', 'some'] as const) {
        await simulated.ask('clear');
        await simulated.ask('hold', target(publicKey), held[kind]);
        const seq = await client.get(bootstrap, publicKey);
        found[kind].set(client, (found[kind].get(client) ?? 0) + (seq === NEW ? 1 : 0));
      }
    }
  }
  report.section('The newest value found, on the same networks, cold');
  for (const [client, count] of counts) {
    const [all, some] = [found.all.get(client) ?? 0, found.some.get(client) ?? 0];
    const texts = [
      `${client.name}: the newest on the 8 closest live nodes: found ${all} of ${count}`,
      `${client.name}: the five closest stale, the newest on ranks 5 to 7: found ${some} of ${count}`,
    ] as const;
    if (client !== OURS) for (const text of texts) report.note(text);
    else {
      report.check(`${texts[0]} (limit 200 of 200)`, all === count);
      report.check(`${texts[1]} (limit 196 of 200)`, some >= 0.98 * count);
    }
  }
}

/**
 * What readers that stop at the first value see after a write that replaces an older packet on the 20 closest
 * nodes.
 */
async function firstValue(report: Report, simulated: SimulatedNetworkProcess, rounds: Rounds): Promise<void> {
  const count = rounds(200);
  const seen = { publish: {} as Record<string, number>, revoke: {} as Record<string, number> };
  const read = async (from: string, publicKey: Uint8Array, newest: number) => {
    const reader = openPlainDht(from, PATIENT);
    const seq = await get(reader, publicKey);
    await destroy(reader);
    return seq === newest ? 'the newest' : seq === null ? 'nothing' : 'an older one';
  };
  for (let i = 0; i < count; i += 1) {
    const bootstrap = await networkFor(simulated, LARGE, i);
    const { publicKey, item } = keyFor(i);
    await simulated.ask('hold', target(publicKey), Array(20).fill(item(OLD)));
    for (const [what, seq] of [
      ['publish', NEW],
      ['revoke', NEW + 1_000_000],
    ] as const) {
      const isContested = what === 'revoke';
      await withOurs(bootstrap, async (dht) => (await dht.put(item(seq), { isContested })).settled);
      const found = await read(await simulated.ask('nodeAt', i * 37 + 11), publicKey, seq);
      seen[what][found] = (seen[what][found] ?? 0) + 1;
    }
  }
  report.section(
    'What a reader finds that begins at a random node and ends with the first value, where an older packet stood on the 20 closest',
    'On the same networks; the reader is bittorrent-dht with a timeout of 700 ms. "nothing": it did not get as far as any holder.',
  );
  for (const what of ['publish', 'revoke'] as const) {
    const newest = seen[what]['the newest'] ?? 0;
    const all = Object.entries(seen[what]).map(([found, times]) => `${found} ${times}`);
    report.check(`after a ${what}: ${all.join(', ')} of ${count} (limit 196 of 200)`, newest >= 0.98 * count);
  }
}

async function hostile(report: Report, simulated: SimulatedNetworkProcess, rounds: Rounds): Promise<void> {
  const count = rounds(200);
  const plainProgram = await bundled(new URL('plain-client.ts', import.meta.url));
  const ours = { wrong: 0, failed: 0 };
  const theirs = { wrong: 0, died: 0, count: rounds(20) };
  /** Six of the 20 closest, one of them always among the 3 closest. */
  const ranksFor = (i: number) => [0, 1, 2, 3, 4, 5].map((j) => (j * 3 + (i % 3)) % 20);
  try {
    for (let i = 0; i < count; i += 1) {
      const bootstrap = await networkFor(simulated, LARGE, i);
      const { publicKey, item } = keyFor(i);
      const keyTarget = target(publicKey);
      const spoilt = async () => {
        await simulated.ask('clear');
        await simulated.ask('spoil', keyTarget, ranksFor(i), i * 6, item(OLD));
      };
      await spoilt();
      const honest = { wrong: false };
      try {
        await withOurs(bootstrap, async (dht) => {
          const from = await dht.resolve(publicKey);
          if (from.newest !== null && from.newest.seq !== OLD) honest.wrong = true;
          let put = await dht.put(item(NEW), { from });
          // As an update does, build on an old packet that only the put came across.
          const { overtakenBy } = put;
          if (overtakenBy !== null && overtakenBy.seq !== OLD) honest.wrong = true;
          if (overtakenBy !== null) put = await dht.put(item(NEW), { base: overtakenBy.seq });
          if (put.holders < 3) ours.failed += 1;
        });
        if ((await OURS.get(bootstrap, publicKey)) !== NEW) ours.wrong += 1;
      } catch (error) {
        ours.failed += 1;
        report.note(`cclink, key ${i}: ${error instanceof Error ? error.message : error}`);
      }
      if (honest.wrong) ours.wrong += 1;

      if (i >= theirs.count) continue;
      await spoilt();
      const program = async (does: 'put' | 'get') => {
        const client = [plainProgram.path, ...plainClientArgs('tuned', does, bootstrap, item(NEW))];
        return run({
          file: process.execPath,
          args: ['--max-old-space-size=128', ...client],
          env: {},
          timeout: 10_000,
        });
      };
      try {
        await program('put');
        if ((await program('get')).stdout.trim() !== String(NEW)) theirs.wrong += 1;
      } catch {
        theirs.died += 1;
      }
    }
  } finally {
    plainProgram.remove();
  }
  report.section(
    '30 % of the 20 closest live nodes hostile, each in another way: publish, then resolve',
    'The ways: forged, old, empty and oversized values, made-up nodes, puts forgotten or refused, datagrams that kill (test/support/hostile-nodes.ts).',
  );
  report.note(
    `${MADE_QUICK.name}: ${theirs.died} of ${theirs.count} processes died or hung, ${theirs.wrong} more found nothing or another value`,
  );
  report.check(
    `cclink: a wrong value ${ours.wrong}, a failure ${ours.failed}, a crash 0 of ${count} (limit 0, 0, 0)`,
    ours.wrong + ours.failed === 0,
  );
}

async function growth(report: Report, simulated: SimulatedNetworkProcess, rounds: Rounds): Promise<void> {
  const count = rounds(100);
  const queries = new Map<string, number>();
  const sizes = [60, 500];
  for (const size of sizes) {
    for (let i = 0; i < count; i += 1) {
      const bootstrap = await networkFor(simulated, { ...sized(size), loss: 0.03 }, i);
      const { publicKey, item } = keyFor(i);
      for (const client of [MADE_QUICK, OURS]) {
        await simulated.ask('clear');
        await simulated.ask('hold', target(publicKey), Array(8).fill(item(NEW)));
        await client.get(bootstrap, publicKey);
        const name = `${client.name} ${size}`;
        queries.set(name, (queries.get(name) ?? 0) + (await simulated.ask('queries')) / count);
      }
    }
  }
  report.section(
    'Requests for one resolve, from 60 nodes to 500',
    `The mean of ${count} keys each, as the nodes counted them, dead ones too.`,
  );
  for (const { name } of [MADE_QUICK, OURS]) {
    const [small = 0, large = 0] = sizes.map((size) => queries.get(`${name} ${size}`) ?? 0);
    const text = `${name}: ${small.toFixed(0)} with 60 nodes, ${large.toFixed(0)} with 500: ${(large / small).toFixed(2)} times`;
    if (name === OURS.name) report.check(`${text} (limit 1.5)`, large / small <= 1.5);
    else report.note(text);
  }
}
