import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Program, run } from './measure.ts';

/**
 * On exit, writes the peak resident memory in kB to the file named by CCLINK_BENCH_MEMORY. On Linux this is
 * VmHWM, which starts anew with each program; the maximum of getrusage starts with what the parent held.
 */
const RECORD_PEAK = `data:text/javascript,${encodeURIComponent(`
import { readFileSync, writeFileSync } from 'node:fs';
process.on('exit', () => {
  let peak = process.resourceUsage().maxRSS;
  try { peak = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]; } catch {}
  writeFileSync(process.env.CCLINK_BENCH_MEMORY, String(peak));
});`)}`;

/** Runs a program of Node. Resolves to its peak resident memory in MB, and to how long it took. */
export async function peakOf(program: Program): Promise<{ megabytes: number; milliseconds: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'cclink-bench-'));
  const file = join(folder, 'peak');
  try {
    const { milliseconds } = await run({
      ...program,
      args: ['--import', RECORD_PEAK, ...program.args],
      env: { ...program.env, CCLINK_BENCH_MEMORY: file },
    });
    return { megabytes: (Number(readFileSync(file, 'utf8')) * 1024) / 1e6, milliseconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
