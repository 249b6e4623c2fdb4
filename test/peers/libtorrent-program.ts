import { spawnSync } from 'node:child_process';
import { PYTHON } from './peer-nodes.ts';

/** What is missing to run nodes of libtorrent. */
export function missingLibtorrent(): string[] {
  const { status } = spawnSync(PYTHON, ['-c', 'import libtorrent'], { stdio: 'ignore' });
  return status === 0 ? [] : [`python3-libtorrent (for ${PYTHON})`];
}
