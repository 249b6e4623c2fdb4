import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { idFitsAddress } from '../../src/dht/node-id.ts';
import { canHavePublicAddresses, runOnPublicAddresses } from '../support/public-addresses.ts';
import { describePeer } from './peer-programs.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('./libtorrent-node-ids.py', import.meta.url));
const HOSTS = [
  '124.31.75.21',
  '21.75.31.124',
  '65.23.51.170',
  '84.124.73.14',
  '43.213.53.83',
  '11.0.0.1',
  '223.9.8.255',
];

describePeer('the node ids of libtorrent', missing(), () => {
  it('fit the addresses of its nodes once they know them, and no others', async () => {
    const nodes = await runOnPublicAddresses<{ drawn: string; own: string }[]>(PYTHON, SCRIPT, ...HOSTS);
    const hostsThatFit = (id: string) => HOSTS.filter((host) => idFitsAddress(Buffer.from(id, 'hex'), host));
    expect(nodes.map(({ own }) => hostsThatFit(own))).toEqual(HOSTS.map((host) => [host]));
    expect(nodes.map(({ drawn }) => hostsThatFit(drawn))).toEqual(HOSTS.map(() => []));
  });
});

function missing(): string[] {
  const { status } = spawnSync(PYTHON, ['-c', 'import libtorrent'], { stdio: 'ignore' });
  return [
    ...(status === 0 ? [] : [`python3-libtorrent (for ${PYTHON})`]),
    ...(canHavePublicAddresses ? [] : ['a network namespace of its own']),
  ];
}
