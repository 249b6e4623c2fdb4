import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT_CODES } from '../src/failure.ts';
import { interleave, type Program, run } from './measure.ts';
import type { Report } from './report.ts';

const PROGRAM = fileURLToPath(new URL('../bin/cclink.cjs', import.meta.url));
const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const ROUNDS = 20;
const BARE = 'node -e 0';

/** Commands, and their exit codes on a machine without a key and without a terminal. */
const COMMANDS: Readonly<Record<string, number>> = {
  '--version': 0,
  '--help': 0,
  'publish --help': 0,
  whoami: EXIT_CODES['no-key'],
  publish: EXIT_CODES['no-key'],
  pickup: EXIT_CODES['no-key'],
  show: EXIT_CODES['no-key'],
  list: EXIT_CODES['no-key'],
  revoke: EXIT_CODES['no-key'],
  init: EXIT_CODES.usage,
  'completion bash': 0,
};
/** Only for these is a limit promised. */
const QUICK = ['--version', '--help'];

/** A text that identifies the bundled code of a library. */
const LIBRARIES: Readonly<Record<string, string>> = {
  commander: 'commander.',
  'age-encryption': 'age-encryption.org/v1',
  '@noble/curves': 'Point.BASE',
  'hash-wasm': 'AGFzbQE',
  'bittorrent-dht': 'k-rpc',
  '@inquirer': 'useKeypress',
  'bip39 words': 'abandon',
  'qrcode-terminal': 'QRCode',
};

/** How long the built program takes from start to exit, and what each command loads for it. */
export async function startUp(report: Report): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'cclink-bench-'));
  try {
    const env = { HOME: home, PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' };
    const bare: Program = { file: process.execPath, args: ['-e', '0'], env };
    const programs = Object.entries(COMMANDS).map(([typed, code]): [string, Program] => [
      `cclink ${typed}`,
      { file: process.execPath, args: [PROGRAM, ...typed.split(' ')], env, code },
    ]);
    report.section(
      `Start-up of the built program against \`${BARE}\``,
      `${ROUNDS} rounds by turns, from spawn to exit. There is no key and no terminal here: commands end at their first failure.`,
    );
    const measurements = [[BARE, bare] as const, ...programs].map(
      ([name, program]) => [name, async () => (await run(program)).milliseconds] as const,
    );
    const samples = await interleave(ROUNDS, Object.fromEntries(measurements));
    report.table('ms', [
      { name: BARE, samples: samples[BARE] ?? [] },
      ...programs.map(([name]) => {
        const limit = QUICK.some((typed) => name === `cclink ${typed}`) ? { atMost: 1.3 } : {};
        return { name, samples: samples[name] ?? [], against: BARE, ...limit };
      }),
    ]);
    await showLoaded(report, programs);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Shows which files of dist/ each command loads before it ends, their size, and the libraries in them. */
async function showLoaded(report: Report, programs: readonly [string, Program][]): Promise<void> {
  const all = readdirSync(DIST).filter((name) => name.endsWith('.js'));
  const text = new Map(all.map((name) => [name, readFileSync(join(DIST, name), 'utf8')]));
  for (const [library, marker] of Object.entries(LIBRARIES)) {
    if (![...text.values()].some((code) => code.includes(marker)))
      throw new Error(`${library} is not known by ${marker}`);
  }
  report.note('');
  report.note(`What each loads of the ${all.length} files, ${kilobytes(all)} kB, of dist/:`);
  const width = Math.max(...programs.map(([name]) => name.length));
  for (const [name, program] of programs) {
    const { stdout } = await run({ ...program, args: ['--import', LOG_MODULES, ...program.args] });
    const files = all.filter((file) => stdout.includes(`[loads ${file}]`));
    const libraries = Object.entries(LIBRARIES).filter(([, marker]) =>
      files.some((file) => text.get(file)?.includes(marker)),
    );
    const amount = `${String(files.length).padStart(2)} files ${kilobytes(files).padStart(4)} kB`;
    report.note(`${name.padEnd(width)}  ${amount}  ${libraries.map(([library]) => library).join(', ')}`);
  }
}

const kilobytes = (files: readonly string[]) =>
  (files.reduce((sum, file) => sum + statSync(join(DIST, file)).size, 0) / 1000).toFixed(0);

const dataUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

/**
 * Hooks that print the name of every module as it is loaded; synchronously, as a command may exit at once.
 */
const HOOKS = dataUrl(`
import { writeSync } from 'node:fs';
export function load(url, context, next) {
  writeSync(1, '[loads ' + url.split('/').at(-1) + ']\\n');
  return next(url, context);
}`);
const LOG_MODULES = dataUrl(`import { register } from 'node:module'; register(${JSON.stringify(HOOKS)});`);
