import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostPort, parseBootstrap } from '../../src/dht/bootstrap.ts';
import { Deadline } from '../../src/dht/deadline.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { probeNetwork } from '../../src/dht/probe.ts';
import { networkChecks } from '../../src/doctor/network.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let network: PrivateNetwork;
beforeAll(async () => {
  network = await startPrivateNetwork({ nodes: 10 });
});
afterAll(() => network.close());

async function checksOf(nodes: readonly HostPort[], timeoutMs = 20_000) {
  const cacheFolder = join(temporaryFolder(), 'cache');
  const checks = networkChecks(await probeNetwork(nodes, cacheFolder, new Deadline(timeoutMs)));
  expect(existsSync(cacheFolder)).toBe(false);
  return Object.fromEntries(checks.map((check) => [check.id, check]));
}

describe('the network', () => {
  it('is good where nodes answer', async () => {
    const { names, udp, nodes } = await checksOf(parseBootstrap(network.bootstrap));
    expect([names?.state, udp?.state, nodes?.state]).toEqual(['good', 'good', 'good']);
    expect(nodes?.message).toMatch(/^\d+ of \d+ nodes answered, in \d+\.\d s\.$/);
  });

  it('is bad where nobody answers: UDP is named, and nodes are not counted', async () => {
    const { udp, nodes } = await checksOf(parseBootstrap('127.0.0.1:9'));
    expect(udp).toMatchObject({ state: 'bad', code: 'network', message: expect.stringContaining('127.0.0.1:9') });
    expect(nodes).toMatchObject({ state: 'not-checked' });
  });

  it('is bad where names do not resolve, and UDP is not blamed for it', async () => {
    const { names, udp } = await checksOf(parseBootstrap('nowhere.invalid:6881'));
    expect(names).toMatchObject({ state: 'bad', code: 'network', message: expect.stringContaining('nowhere.invalid') });
    expect(udp).toMatchObject({ state: 'not-checked' });
  });

  it('tells of a name that leads nowhere, also where other nodes answer', async () => {
    const { names, nodes } = await checksOf(parseBootstrap(`${network.bootstrap},nowhere.invalid:6881`));
    expect(names).toMatchObject({ state: 'bad' });
    expect(nodes).toMatchObject({ state: 'good' });
  });

  it('is not waited for longer than the time given', async () => {
    const startMs = performance.now();
    const { udp } = await checksOf(parseBootstrap('127.0.0.1:9'), 300);
    expect(udp).toMatchObject({ state: 'bad', message: 'No node answered within 0.3 s.' });
    expect(performance.now() - startMs).toBeLessThan(2000);
  });
});
