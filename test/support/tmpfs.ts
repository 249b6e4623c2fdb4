import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Mounting is allowed as root, or in a user namespace. */
const UNSHARE = process.getuid?.() === 0 ? ['-m'] : ['-r', '-m'];

/** True if this process may mount a disk of its own. Tests of full disks require it. */
export const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', [...UNSHARE, 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** A tiny disk that no other process sees. */
export interface TinyDisk {
  readonly path: string;
  /** Remounts it read-only. */
  seal(): Promise<void>;
}

/**
 * Runs `work` with a disk of `sizeKib` KiB. It exists in the mount namespace of a child, and we reach it
 * through `/proc`: the system removes it with that child, whatever happens to us.
 */
export async function withTinyDisk<T>(sizeKib: number, work: (disk: TinyDisk) => Promise<T>): Promise<T> {
  const script = [
    `mount -t tmpfs -o size=${sizeKib}k,mode=0700 none /mnt && echo mounted`,
    'read line && mount -o remount,ro /mnt && echo sealed',
    'read line',
  ].join('\n');
  const child = spawn('unshare', [...UNSHARE, 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    return await work({
      path: `/proc/${child.pid}/root/mnt`,
      seal: async () => {
        child.stdin.write('\n');
        await once(child.stdout, 'data');
      },
    });
  } finally {
    child.stdin.end();
    await exit;
  }
}
