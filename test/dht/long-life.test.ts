import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LastingClientWork } from '../support/lasting-client.ts';
import type { ManyPacketsWork } from '../support/many-packets.ts';
import { startWorkingChild, type WorkingChild } from '../support/working-child.ts';

const OPERATIONS = 10_000;
/** By then it has met most of its keys, and its code is compiled. */
const WARM = 2000;
/** How many of these go at the client's own pace, 200 datagrams a second: each takes 20. */
const PACED = 50;
/** As many as a look-up asks. With fewer, it would ask each again; with more, it would send more. */
const NODES = 8;
/** By how many bytes it may grow after the first 2000 operations: 125 an operation. */
const GROWTH = 1_000_000;
/** How many entries any collection in it may have. */
const MOST = 1024;

describe('a client that has done 10,000 operations, 16 at once, with 240 keys and 6,000 that nobody has', () => {
  const cacheFolder = mkdtempSync(join(tmpdir(), 'cclink-test-'));
  let network: WorkingChild<ManyPacketsWork>;
  let client: WorkingChild<LastingClientWork>;
  let failures: string[];
  let growth: number;
  let kept: Awaited<ReturnType<LastingClientWork['kept']>>;

  /** An unanswered request keeps its timer for 3 s. */
  async function waitUntilIdle(): Promise<void> {
    const isIdle = async () => expect(await client.ask('kept')).toMatchObject({ timers: 0 });
    await vi.waitFor(isIdle, { timeout: 10_000, interval: 100 }).catch(() => {});
  }

  beforeAll(async () => {
    network = startWorkingChild(new URL('../support/many-packets.ts', import.meta.url), { args: [`${NODES}`] });
    client = startWorkingChild(new URL('../support/lasting-client.ts', import.meta.url), {
      args: [JSON.stringify({ bootstrap: await network.ask('bootstrap'), cacheFolder })],
      execArgv: ['--expose-gc'],
    });
    failures = await client.ask('operate', PACED);
    await client.ask('hurry');
    failures.push(...(await client.ask('operate', WARM - PACED)));
    await waitUntilIdle();
    const before = await client.ask('memory');
    failures.push(...(await client.ask('operate', OPERATIONS - WARM)));
    await waitUntilIdle();
    kept = await client.ask('kept');
    growth = (await client.ask('memory')) - before;
  }, 240_000);
  afterAll(() => {
    client?.close();
    network?.close();
    rmSync(cacheFolder, { recursive: true, force: true });
  });

  test('has succeeded with all of them', () => {
    expect(failures).toEqual([]);
  });

  test('holds one socket, and no timer once it is idle', () => {
    expect(kept).toMatchObject({ sockets: 1, timers: 0 });
  });

  test('listens to nobody’s signal any more, and has caused no warning', () => {
    expect(kept.listeners).toBe(0);
    expect(kept.warnings).toEqual([]);
  });

  test('keeps no more memory than after 2,000', () => {
    expect(growth).toBeLessThan(GROWTH);
  });

  test('keeps a bounded number of nodes, targets and all else', () => {
    expect(Object.keys(kept.sizes)).toEqual(expect.arrayContaining(['rpc.pending', 'knownNodes.nodes']));
    expect(Object.entries(kept.sizes).filter(([, size]) => size > MOST)).toEqual([]);
  });

  test('closes its socket, and writes down the nodes for the last 8 keys', async () => {
    await client.ask('close');
    expect(await client.ask('kept')).toMatchObject({ sockets: 0, timers: 0 });
    const lines = readFileSync(join(cacheFolder, 'nodes.txt'), 'utf8').split('\n');
    const linesOf = (word: string) => lines.filter((line) => line.startsWith(`${word} `));
    expect(linesOf('target')).toHaveLength(8);
    expect(linesOf('node')).toHaveLength(NODES);
  });
});
