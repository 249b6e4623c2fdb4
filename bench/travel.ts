import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ageIdentity } from '../src/crypto/age.ts';
import { x25519SecretOf } from '../src/crypto/x25519.ts';
import { Machine } from '../test/support/machine.ts';
import { interleave, median, run } from './measure.ts';
import { peakOf } from './peak-memory.ts';
import type { Report } from './report.ts';
import { ScanProgram } from './scan.ts';
import { type MadeSession, type SessionShape, writeSession } from './travel-sessions.ts';

const PROGRAM = fileURLToPath(new URL('../bin/cclink.cjs', import.meta.url));
/** Nothing here uses the network: an address at which nobody answers. */
const NO_NETWORK = '127.0.0.1:9';

type Shape = Omit<SessionShape, 'seed'> & { readonly rounds: number };

const LARGE = { bytes: 300e6, turns: 5170, largestImages: 4, rounds: 3 };
const USUAL = { bytes: 67e6, turns: 1154, largestImages: 0, rounds: 5 };
const SHAPES: Readonly<Record<string, Shape>> = {
  '300 MB, 45 % of it in records that never travel': { ...LARGE, droppable: 0.45 },
  '300 MB, all of it travels': { ...LARGE, droppable: 0 },
  '67 MB, 45 % of it in records that never travel': { ...USUAL, droppable: 0.45 },
  '67 MB, all of it travels': { ...USUAL, droppable: 0 },
};
const SEED = 11;

/** The most that it may take, as a multiple of what `tar` and `age` take for the same session. */
const [EXPORT_RATIO, IMPORT_RATIO] = [0.6, 2];
/** The least that a session of somebody else is imported at, in MB of its transcript in a second. */
const OTHERS_MB_PER_S = 80;
/** The same for what leaves for somebody else, with the search for secrets, and for that search alone. */
const [EXPORT_FOR_OTHERS_MB_PER_S, SCAN_MB_PER_S] = [25, 60];
const RESIDENT_MB = 200;
/** scrypt as age derives a key from a PIN: 2^18 rounds of 1 KiB. */
const DERIVATION = `require('node:crypto').scryptSync('a PIN', 'a salt', 32, { N: 2 ** 18, r: 8, p: 1, maxmem: 2 ** 29 })`;
const PIN = 'five-words-for-a-bench-pin';

/** `desk` has the key of the laptop, `other` has one of its own. */
type Machines = Readonly<Record<'laptop' | 'desk' | 'other', Machine>>;

/** A session as a sealed file, and back, against `tar` and `age`, which people would use without cclink. */
export async function travel(report: Report, share: number): Promise<void> {
  const [laptop, desk, other] = ['laptop', 'desk', 'other'].map((name) => new Machine(name, NO_NETWORK)) as [
    Machine,
    Machine,
    Machine,
  ];
  const machines = { laptop, desk, other };
  const scan = new ScanProgram();
  const remove = () => {
    for (const machine of Object.values(machines)) machine.remove();
    scan.remove();
  };
  process.once('exit', remove); // also after Ctrl-C: these are gigabytes
  try {
    await scan.build();
    await laptop.init();
    desk.takeKeyOf(laptop);
    await other.init();
    for (const [name, shape] of Object.entries(SHAPES)) {
      await inShape(report, machines, scan, name, { ...shape, rounds: Math.ceil(shape.rounds * share) });
    }
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function inShape(
  report: Report,
  machines: Machines,
  scan: ScanProgram,
  name: string,
  shape: Shape,
): Promise<void> {
  const { laptop, desk, other } = machines;
  for (const { claudeFolder } of Object.values(machines)) rmSync(claudeFolder, { recursive: true, force: true });
  const session = writeSession(laptop.claudeFolder, laptop.project, { ...shape, seed: SEED });
  const bundle = (kind: string) => join(laptop.home, `${kind}.cclink`);
  const [own, shared, withPin, tarball] = [bundle('own'), bundle('shared'), bundle('pin'), bundle('tarball')];
  const keys = new Map<Machine, string>();
  for (const machine of [laptop, other]) {
    keys.set(machine, (await machine.json<{ publicKey: string }>(['whoami'])).publicKey);
  }
  report.section(
    `A session as a sealed file: ${name}`,
    `${megabytes(session.bytes)} MB, ${shape.turns} turns; ${shape.rounds} rounds by turns, whole processes, files in the system's cache.`,
    'Homes and directories differ, so each record is checked and its paths rewritten. tar and age do neither.',
  );

  const peaks = new Map<string, number[]>();
  /** How long a run of cclink takes. What it is to make is removed first; its peak is kept. */
  const cclink = (what: string, machine: Machine, args: readonly string[], made: string) => async () => {
    rmSync(made, { recursive: true, force: true });
    const program = { file: process.execPath, args: [PROGRAM, ...args], cwd: machine.project };
    const ran = await peakOf({ ...program, env: { ...machine.env, CCLINK_PIN: PIN } });
    if (!existsSync(made)) throw new Error(`${args[0]} made nothing`);
    peaks.set(what, [...(peaks.get(what) ?? []), ran.megabytes]);
    return ran.milliseconds;
  };
  const exports = (what: string, file: string, ...options: string[]) =>
    cclink(what, laptop, ['export', session.id, '-o', file, ...options], file);
  const imports = (what: string, machine: Machine, file: string, ...options: string[]) =>
    cclink(
      what,
      machine,
      ['import', file, '--into', machine.project, '--yes', '--no-run', ...options],
      machine.claudeFolder,
    );
  const exportForOthers = exports('export for another', shared, '--share', keys.get(other) ?? '', '--yes');
  const scans = async () => {
    const { milliseconds, megabytes } = await scan.run(session.transcript);
    peaks.set('scan for secrets', [...(peaks.get('scan for secrets') ?? []), megabytes]);
    return milliseconds;
  };
  const peers = peersOf(machines, session);
  const unpacked = join(desk.home, 'unpacked');

  // As those of a developer: what is found in a session must be masked, which takes a copy of it.
  writeFileSync(join(laptop.project, '.env'), `API_KEY=${session.shownKey}\n`);
  await exportForOthers(); // there must be one to be imported
  const { masked } = await other.json<{ masked?: { kind: string }[] }>(['import', shared, '--inspect']);
  if (!masked?.some(({ kind }) => kind.includes('.env'))) throw new Error('the key in the session was not masked');
  const samples = await interleave(shape.rounds, {
    pack: peers.pack(tarball),
    export: exports('export', own),
    exportForOthers,
    scan: scans,
    unpack: peers.unpack(tarball, unpacked),
    unpackOwn: peers.unpack(own, unpacked),
    import: imports('import', desk, own),
    importOthers: imports('import from another', other, shared, '--from', keys.get(laptop) ?? ''),
  });
  const [arrived, arrivedThere] = [transcriptBytes(desk), transcriptBytes(other)];
  const rate = (times: readonly number[]) =>
    `${(session.bytes / 1e3 / median(times)).toFixed(0)} MB/s of the transcript`;
  const within = (megabytesPerSecond: number) => Math.round(session.bytes / 1e3 / megabytesPerSecond);
  const size = (file: string) => `${megabytes(statSync(file).size)} MB`;
  report.table('ms', [
    { name: 'tar cz | age', samples: samples.pack, note: `${rate(samples.pack)}; ${size(tarball)}` },
    {
      name: 'cclink export',
      samples: samples.export,
      against: 'tar cz | age',
      atMost: EXPORT_RATIO,
      note: `${rate(samples.export)}; ${size(own)}`,
    },
    {
      name: 'cclink export for another',
      samples: samples.exportForOthers,
      atMost: within(EXPORT_FOR_OTHERS_MB_PER_S),
      note: `${rate(samples.exportForOthers)}; ${size(shared)}`,
    },
    {
      name: 'scan for secrets alone',
      samples: samples.scan,
      atMost: within(SCAN_MB_PER_S),
      note: rate(samples.scan),
    },
    { name: 'age -d | tar xz', samples: samples.unpack, note: rate(samples.unpack) },
    { name: 'age -d | tar xz of the bundle', samples: samples.unpackOwn, note: rate(samples.unpackOwn) },
    {
      name: 'cclink import',
      samples: samples.import,
      against: 'age -d | tar xz',
      atMost: IMPORT_RATIO,
      note: `${rate(samples.import)}; ${megabytes(arrived)} MB arrive`,
    },
    {
      name: 'cclink import from another',
      samples: samples.importOthers,
      atMost: within(OTHERS_MB_PER_S),
      note: `${rate(samples.importOthers)}; ${megabytes(arrivedThere)} MB arrive`,
    },
  ]);

  const bare = await peakOf({ file: process.execPath, args: ['-e', '0'], env: {} });
  const derivation =
    (await peakOf({ file: process.execPath, args: ['-e', DERIVATION], env: {} })).megabytes - bare.megabytes;
  await exports('export --pin', withPin, '--pin', '--yes')();
  await imports('import of that', other, withPin, '--from', keys.get(laptop) ?? '')();
  report.note('');
  report.table('MB', [
    ...['export', 'import', 'export for another', 'import from another'].map((what) => ({
      name: `cclink ${what}, peak memory`,
      samples: peaks.get(what) ?? [],
      atMost: RESIDENT_MB,
    })),
    { name: 'scan for secrets alone, peak memory', samples: peaks.get('scan for secrets') ?? [], atMost: RESIDENT_MB },
    { name: 'deriving a key from a PIN, beyond a bare Node', samples: [derivation] },
    ...['export --pin', 'import of that'].map((what) => ({
      name: `cclink ${what}, with that derivation`,
      samples: peaks.get(what) ?? [],
      atMost: Math.round(RESIDENT_MB + derivation),
    })),
  ]);
}

/** The other side: `tar` and `age`, with the key that cclink has. */
function peersOf({ laptop, desk }: Machines, session: MadeSession) {
  const secret = x25519SecretOf(Buffer.from(readFileSync(laptop.keyFile, 'utf8').trim(), 'hex'));
  const [identity, names] = [join(laptop.home, 'identity'), join(laptop.home, 'names')];
  writeFileSync(identity, `${ageIdentity(secret)}\n`, { mode: 0o600 });
  writeFileSync(names, session.files.map((file) => `${file}\n`).join(''));
  const shell = async (machine: Machine, script: string) =>
    (await run({ file: 'bash', args: ['-c', `set -o pipefail; ${script}`], env: machine.env })).milliseconds;
  return {
    pack: (to: string) => () => {
      rmSync(to, { force: true });
      return shell(laptop, `tar cz -C '${laptop.claudeFolder}' -T '${names}' | age -e -i '${identity}' > '${to}'`);
    },
    unpack: (from: string, into: string) => () => {
      rmSync(into, { recursive: true, force: true });
      mkdirSync(into);
      return shell(desk, `age -d -i '${identity}' '${from}' | tar xz -C '${into}'`);
    },
  };
}

/** The size of the only transcript that is on a machine. */
function transcriptBytes({ claudeFolder }: Machine): number {
  const projects = join(claudeFolder, 'projects');
  const found = readdirSync(projects, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.split('/').length === 2 && name.endsWith('.jsonl'),
  );
  if (found.length !== 1) throw new Error(`${found.length} sessions arrived`);
  return statSync(join(projects, found[0] ?? '')).size;
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
