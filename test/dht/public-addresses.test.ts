import { describe, expect, it } from 'vitest';
import { canHavePublicAddresses, scriptOnPublicAddresses } from '../support/public-addresses.ts';
import { idFor } from '../support/public-node-id.ts';

const NODES = new URL('../support/public-nodes.ts', import.meta.url);

describe('on public addresses', () => {
  it.runIf(canHavePublicAddresses)('each node answers from its own', async () => {
    const hosts = ['124.31.75.21', '21.75.31.124', '11.0.0.1', '11.0.0.2', '11.0.1.1'];
    const ids = await scriptOnPublicAddresses<string[]>(NODES, ...hosts);
    expect(ids).toEqual(hosts.map((host) => idFor(host, 'node').toString('hex')));
  });

  it.skipIf(canHavePublicAddresses)('NOT TESTED, as this process may not have a network of its own', () => {});
});
