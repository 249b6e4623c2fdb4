/**
 * Measures each figure against a named peer or limit, in the same run. Exits with 1 if a limit is missed:
 * `npm run bench [-- --only <name>] [--share <part of the rounds of network>]`.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { keyDerivation } from './key-derivation.ts';
import { memory } from './memory.ts';
import { network } from './network.ts';
import { privateNetwork } from './private-network.ts';
import { Report } from './report.ts';
import { sessions } from './sessions.ts';
import { startUp } from './start-up.ts';
import { travel } from './travel.ts';

const BENCHMARKS: Readonly<Record<string, (report: Report, share: number) => Promise<void>>> = {
  'start-up': startUp,
  'key-derivation': keyDerivation,
  'private-network': privateNetwork,
  network,
  sessions,
  memory,
  travel,
};

const { values } = parseArgs({ options: { only: { type: 'string' }, share: { type: 'string', default: '1' } } });
const share = Number(values.share);
if (!(share > 0 && share <= 1) || (values.only !== undefined && !Object.hasOwn(BENCHMARKS, values.only))) {
  console.error(
    `usage: npm run bench -- [--only ${Object.keys(BENCHMARKS).join('|')}] [--share <part of the rounds, 0 to 1>]`,
  );
  process.exit(2);
}

process.once('SIGINT', () => process.exit(130)); // exit normally, so that temporary files are removed

const started = performance.now();
const [processor] = cpus();
console.log(`Node ${process.versions.node}, ${process.platform}, ${cpus().length} x ${processor?.model ?? 'unknown'}`);
console.log(
  'Ratios are those of medians. Whatever is compared was run by turns, so that other load on the machine hits all',
);
console.log(
  'alike; far apart least and p95 tell how much of it there was. "load" is that of the last minute, ours included.',
);

const report = new Report();
for (const [name, benchmark] of Object.entries(BENCHMARKS)) {
  if (values.only === undefined || values.only === name) await benchmark(report, share);
}

console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s. ${summary(report.misses)}`);
process.exitCode = report.misses.length === 0 ? 0 : 1;

function summary(misses: readonly string[]): string {
  return misses.length === 0 ? 'Every limit is met.' : `Not met:\n${misses.map((miss) => `  ${miss}`).join('\n')}`;
}
