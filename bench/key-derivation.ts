import { spawn, spawnSync } from 'node:child_process';
import * as crypto from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundled } from './bundle.ts';
import { interleave, median, type Program, run } from './measure.ts';
import type { Report } from './report.ts';

/** Debian's package of the reference implementation. */
const ARGON2 = 'argon2';
const ROUNDS = 10;
const PASSWORD = 'correct horse battery staple';
const SALT = 'a salt of 32 bytes for Argon2id.';
const ENV = { PATH: process.env['PATH'] ?? '' };

/**
 * Argon2id with the parameters of keys and PINs (64 MiB, 3 passes, 1 lane) against the system's native
 * `argon2`.
 */
export async function keyDerivation(report: Report): Promise<void> {
  report.section(
    'Argon2id (64 MiB, t=3, p=1) against the native `argon2`',
    `${ROUNDS} rounds by turns. Native: wall time of its process, less the median of the same process with 8 KiB and t=1.`,
    'Ours: wall time of the call; "first" in a new process as a command has it, loading the code included, "again" in the same process.',
  );
  if (spawnSync(ARGON2, ['-h']).error !== undefined) {
    report.note('Skipped: there is no `argon2` here (Debian: apt install argon2).');
    return;
  }
  const program = await bundled(new URL('derive.ts', import.meta.url));
  try {
    await onEachNode(report, program.path);
  } finally {
    program.remove();
  }
}

async function onEachNode(report: Report, program: string): Promise<void> {
  const here = `Node ${process.versions.node}`;
  await compare(report, program, here, process.execPath, Object.hasOwn(crypto, 'argon2'));
  if (Object.hasOwn(crypto, 'argon2')) return;

  const prefix = mkdtempSync(join(tmpdir(), 'cclink-bench-node24-'));
  try {
    const node = process.env['CCLINK_BENCH_NODE24'] ?? (await installNode24(prefix));
    if (node === null) report.note('Skipped: Node 24, whose crypto.argon2 is our other way, could not be installed.');
    else await compare(report, program, 'Node 24', node, true);
  } finally {
    rmSync(prefix, { recursive: true, force: true });
  }
}

async function compare(report: Report, program: string, name: string, node: string, isNative: boolean): Promise<void> {
  const argon2 = (...cost: string[]): Program => ({
    file: ARGON2,
    args: [SALT, '-id', ...cost, '-p', '1', '-l', '32', '-r'],
    input: PASSWORD,
    env: ENV,
  });
  const [start, whole] = [argon2('-t', '1', '-k', '8'), argon2('-t', '3', '-k', '65536')];
  const again: number[] = [];
  const keys = new Set<string>();
  const samples = await interleave(ROUNDS, {
    start: async () => (await run(start)).milliseconds,
    native: async () => {
      const { milliseconds, stdout } = await run(whole);
      keys.add(stdout.trim());
      return milliseconds;
    },
    ours: async () => {
      const derived = await derive(program, node);
      keys.add(derived.key);
      again.push(...derived.again);
      return derived.first;
    },
  });
  if (keys.size !== 1) throw new Error('the two do not derive the same key');
  const overhead = median(samples.start);
  const against = 'argon2, less its process';
  const way = isNative ? 'crypto.argon2' : 'hash-wasm';
  const atMost = isNative ? 1.1 : 1.7;
  report.table('ms', [
    { name: 'argon2, its process alone', samples: samples.start },
    { name: against, samples: samples.native.map((milliseconds) => milliseconds - overhead) },
    { name: `${name} (${way}), first`, samples: samples.ours, against, atMost },
    { name: `${name} (${way}), again`, samples: again, against, atMost },
  ]);
}

/** Derives keys in a separate process, with the given Node. */
async function derive(program: string, node: string): Promise<{ first: number; again: number[]; key: string }> {
  const { stdout } = await run({ file: node, args: [program, PASSWORD, SALT], env: ENV });
  return JSON.parse(stdout) as { first: number; again: number[]; key: string };
}

/**
 * The `node` program from npm, installed into `prefix`; null if that fails or takes more than two minutes.
 */
async function installNode24(prefix: string): Promise<string | null> {
  const node = join(prefix, 'node_modules', 'node', 'bin', 'node');
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--prefer-offline', '--prefix', prefix, 'node@24'];
  await new Promise<void>((resolve) => {
    const npm = spawn('npm', args, { stdio: 'ignore', timeout: 120_000, shell: process.platform === 'win32' });
    npm.on('error', () => resolve());
    npm.on('close', () => resolve());
  });
  return existsSync(node) ? node : null;
}
