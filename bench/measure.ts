import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Resolves to what was measured, in milliseconds unless stated otherwise. */
export type Measurement = () => Promise<number>;

/** The middle value; of an even number of samples, the upper of the two middle ones. */
export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** The value that a `share` (0 to 1) of all samples stays below. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/**
 * Runs every measurement once a round, each round starting with a different one, so that a slow moment of the
 * machine affects all alike. A first round warms up and is not counted. Returns the samples of each.
 */
export async function interleave<Name extends string>(
  rounds: number,
  measurements: Readonly<Record<Name, Measurement>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(measurements) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round += 1) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const sample = await measurements[name]();
      if (round > 0) samples[name].push(sample);
    }
  }
  return samples;
}

export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** A program to run. It must end with `code`: a run that failed for another reason would look fast. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** 0 if not given. */
  readonly code?: number;
  readonly input?: string;
  /** Killed after this many milliseconds, which counts as a failure; never if not given. */
  readonly timeout?: number;
}

/**
 * Runs a program without a terminal, from start to exit. Resolves to how long that took, how long until it
 * first printed to standard output (null if it never did), and what it printed there.
 */
export async function run(
  program: Program,
): Promise<{ milliseconds: number; resultMilliseconds: number | null; stdout: string }> {
  const { file, args, env, cwd, code: expected = 0, input = '', timeout } = program;
  const start = performance.now();
  // Detached, so that it can't find the terminal that the benchmark was started from.
  const child = spawn(file, args, { env, ...(cwd === undefined ? {} : { cwd }), detached: true });
  let stdout = '';
  let stderr = '';
  let resultMilliseconds: number | null = null;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    resultMilliseconds ??= performance.now() - start;
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(input);
  const killing = timeout === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeout);
  const closed = once(child, 'close');
  const [code] = await once(child, 'exit');
  const milliseconds = performance.now() - start;
  clearTimeout(killing);
  await closed;
  if (code !== expected) {
    throw new Error(`${file} ${args.join(' ')} ended with ${code}, not with ${expected}: ${stderr}${stdout}`);
  }
  return { milliseconds, resultMilliseconds, stdout };
}
