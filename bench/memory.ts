import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Machine, SESSION } from '../test/support/machine.ts';
import { startWorkingChild } from '../test/support/working-child.ts';
import { peakOf } from './peak-memory.ts';
import type { PrivateNetworkWork } from './private-network-child.ts';
import type { Report, Row } from './report.ts';

const PROGRAM = fileURLToPath(new URL('../bin/cclink.cjs', import.meta.url));
const RUNS = 3;
const LIMIT = 110;
/** With a PIN or a passphrase: 64 MiB more for Argon2id, in MB. */
const LIMIT_WITH_ARGON2 = Math.round((LIMIT + (64 * 1024 * 1024) / 1e6) * 10) / 10;
const PASSPHRASE = 'correct horse battery staple';
const PIN = 'five-words-for-a-bench-pin';

/** One command to measure; `before` prepares the machine and the network for each run. */
interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly machine: Machine;
  readonly env?: Readonly<Record<string, string>>;
  readonly argon2?: boolean;
  readonly before?: () => Promise<unknown>;
}

export async function memory(report: Report): Promise<void> {
  const network = startWorkingChild<PrivateNetworkWork>(new URL('private-network-child.ts', import.meta.url));
  const bootstrap = await network.ask('renew');
  const machine = (name: string) => new Machine(name, bootstrap);
  const [plain, locked, other, empty, crowded] = ['plain', 'locked', 'other', 'empty', 'crowded'].map(machine) as [
    Machine,
    Machine,
    Machine,
    Machine,
    Machine,
  ];
  try {
    const own = await plain.init();
    await locked.init(PASSPHRASE);
    const others = await other.init();
    await crowded.init();
    addManySessions(crowded);
    for (const owner of [plain, locked]) owner.addSession();
    const withPin = { CCLINK_PIN: PIN };
    const withPassphrase = { CCLINK_PASSPHRASE: PASSPHRASE };
    const forget = async () => rmSync(join(empty.home, '.pubky'), { recursive: true, force: true });
    const published = () => plain.json(['publish', '--yes']);
    const cases: Case[] = [
      { name: 'cclink --version', machine: plain, args: ['--version'] },
      { name: 'cclink --help', machine: plain, args: ['--help'] },
      { name: 'cclink completion zsh', machine: plain, args: ['completion', 'zsh'] },
      { name: 'cclink init --no-passphrase', machine: empty, args: ['init', '--no-passphrase'], before: forget },
      { name: 'cclink whoami', machine: plain, args: ['whoami'] },
      { name: 'cclink whoami --qr', machine: plain, args: ['whoami', '--qr'] },
      { name: 'cclink publish --yes', machine: plain, args: ['publish', '--yes'] },
      { name: 'cclink publish --share', machine: plain, args: ['publish', '--yes', '--share', others] },
      { name: 'cclink publish --burn --qr', machine: plain, args: ['publish', '--yes', '--burn', '--qr'] },
      { name: 'cclink list', machine: plain, args: ['list'], before: published },
      { name: 'cclink show', machine: plain, args: ['show'], before: published },
      { name: 'cclink pickup', machine: plain, args: ['pickup', '--yes', '--no-run'], before: published },
      {
        name: 'cclink pickup, burnt',
        machine: plain,
        args: ['pickup', '--yes', '--no-run'],
        before: () => plain.json(['publish', '--yes', '--burn']),
      },
      { name: 'cclink revoke', machine: plain, args: ['revoke', '--yes'], before: published },
      {
        name: 'cclink publish, 10,000 sessions here',
        machine: crowded,
        args: ['publish', '--yes'],
      },
      { name: 'cclink demo (its own process)', machine: plain, args: ['demo'] },
      {
        name: 'cclink init, passphrase',
        machine: empty,
        args: ['init'],
        env: withPassphrase,
        argon2: true,
        before: forget,
      },
      {
        name: 'cclink publish, passphrase',
        machine: locked,
        args: ['publish', '--yes'],
        env: withPassphrase,
        argon2: true,
      },
      { name: 'cclink show, passphrase', machine: locked, args: ['show'], env: withPassphrase, argon2: true },
      {
        name: 'cclink pickup, passphrase',
        machine: locked,
        args: ['pickup', '--yes', '--no-run'],
        env: withPassphrase,
        argon2: true,
      },
      {
        name: 'cclink revoke, passphrase',
        machine: locked,
        args: ['revoke', '--yes'],
        env: withPassphrase,
        argon2: true,
        before: () => locked.json(['publish', '--yes'], { env: withPassphrase }),
      },
      {
        name: 'cclink publish --pin',
        machine: plain,
        args: ['publish', '--yes', '--pin'],
        env: withPin,
        argon2: true,
      },
      { name: 'cclink show <key>, PIN', machine: empty, args: ['show', own], env: withPin, argon2: true },
      {
        name: 'cclink publish --pin, passphrase',
        machine: locked,
        args: ['publish', '--yes', '--pin'],
        env: { ...withPin, ...withPassphrase },
        argon2: true,
      },
    ];
    report.section(
      'Peak memory of each command, whole process',
      `${RUNS} runs each. Argon2id fills 64 MiB (67.1 MB) more, so its limit is ${LIMIT_WITH_ARGON2} MB.`,
    );
    const rows: Row[] = [
      { name: 'node -e 0', samples: await peaks({ name: '', machine: plain, args: [] }, ['-e', '0']) },
    ];
    for (const one of cases) {
      const samples = await peaks(one, [PROGRAM, ...one.args]);
      rows.push({ name: one.name, samples, atMost: one.argon2 ? LIMIT_WITH_ARGON2 : LIMIT });
    }
    report.table('MB', rows);
  } finally {
    network.close();
    for (const one of [plain, locked, other, empty, crowded]) one.remove();
  }
}

/** The peaks of several runs, in MB. */
async function peaks({ machine, env = {}, before }: Case, args: readonly string[]): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < RUNS; i += 1) {
    await before?.();
    const { megabytes } = await peakOf({
      file: process.execPath,
      args,
      env: { ...machine.env, ...env },
      cwd: machine.project,
    });
    samples.push(megabytes);
  }
  return samples;
}

/** 10,000 small sessions of one project. */
function addManySessions(machine: Machine): void {
  const file = machine.addSession();
  const text = readFileSync(file).subarray(0, 2048);
  for (let i = 1; i < 10_000; i += 1) {
    writeFileSync(file.replace(SESSION, `${i.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`), text);
  }
}
