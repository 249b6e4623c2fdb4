import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peakIn, recordingPeak } from '../test/support/peak-memory.ts';
import { type Program, run } from './measure.ts';

/** Runs a program of Node. Resolves to its peak resident memory in MB, how long it took, and its output. */
export async function peakOf(program: Program): Promise<{ megabytes: number; milliseconds: number; stdout: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'cclink-bench-'));
  const file = join(folder, 'peak');
  try {
    const { milliseconds, stdout } = await run({ ...program, env: { ...program.env, ...recordingPeak(file) } });
    return { megabytes: peakIn(file), milliseconds, stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
