import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Machine } from '../support/machine.ts';
import { hasSshServer, installSsh, type SshServer, startSshServer } from '../support/ssh-server.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The README's own names for what differs from run to run. */
const PROJECT = '/srv/shop';
const HOME = '/home/you';
const TITLE = 'fix the flaky login test';
const ID = '1f2a7c09-6a83-4c55-9d0c-0d6f0a3e3d11';
const PASSPHRASE = 'correct horse battery';

const hasSshd = hasSshServer('the README, over ssh');

/** What is typed at one prompt of the README, and what is then on the screen. */
interface Run {
  readonly who: string;
  readonly command: string;
  readonly screen: string;
}

const runs: Run[] = [...readme.matchAll(/^```console\n(\w+)\$ (.+)\n((?:.*\n)*?)```$/gm)].map(
  ([, who = '', command = '', screen = '']) => ({ who, command, screen }),
);

let network: PrivateNetwork;
const machines = new Map<string, Machine>();
/** Their public keys, by their home folders. */
const keys = new Map<string, string>();
/** What the README calls `~`: here the files lie that go from one machine to another. */
let home: string;
let server: SshServer | null = null;
/** The PIN that was made last. */
let pin = '';

beforeAll(async () => {
  network = await startPrivateNetwork({ nodes: 10 });
  const names = ['laptop', 'desk', 'ada', 'bob', 'carol'];
  for (const name of names) {
    const project = machines.get('laptop')?.project;
    machines.set(name, new Machine(name, network.bootstrap, project));
  }
  const [laptop, desk, ada, bob, carol] = names.map((name) => machines.get(name) as Machine);
  if (!laptop || !desk || !ada || !bob || !carol) throw new Error('unreachable');
  home = makeTemporaryFolder();
  mkdirSync(join(home, 'Sync'));
  for (const machine of [laptop, ada, bob]) keys.set(machine.home, await machine.init(PASSPHRASE));
  desk.takeKeyOf(laptop);
  const file = laptop.addSession(undefined, { id: ID });
  // It was used a moment ago, and has a better title.
  const text = readFileSync(file, 'utf8').replace(/remember the word ZEBRA[^"\\]*/g, TITLE);
  writeFileSync(file, text.replace(/"timestamp":"[^"]*"/g, `"timestamp":"${new Date().toISOString()}"`));
  utimesSync(file, new Date(), new Date());
  ada.takeSessionsOf(laptop);
  for (const machine of [desk, bob, carol]) machine.installClaude();
  if (hasSshd) server = await serveSsh(laptop, desk);
});
afterAll(async () => {
  for (const machine of machines.values()) machine.remove();
  rmSync(home, { recursive: true, force: true });
  await server?.close();
  await network.close();
});

/** Lets `desk` log in to `laptop`, which has cclink where the installer puts it. */
async function serveSsh(laptop: Machine, desk: Machine): Promise<SshServer> {
  laptop.installCclink(join('.local', 'bin'));
  const variables = { HOME: laptop.home, PATH: '/usr/bin:/bin' };
  const server = await startSshServer(join(home, 'sshd'), variables, 'laptop');
  installSsh(join(desk.home, 'bin'), server);
  return server;
}

/** A screen without what differs from run to run, and from one width to another. */
function normal(screen: string, project: string): string {
  return screen
    .replaceAll(project, PROJECT)
    .replaceAll(home, HOME)
    .replaceAll('--folder ~', `--folder ${HOME}`) // here each machine has a home of its own, and `home` is none
    .replace(/^( {2}From +)[^\s,]+/gm, '$1HOST')
    .replaceAll(hostname(), 'HOST')
    .replace(/\b[a-z0-9]{52}\b/g, 'KEY')
    .replace(/\b[a-z0-9]{8}…/g, 'SHORT…')
    .replace(/\b[a-z]+(-[a-z]+){4}\b/g, 'WORDS')
    .replace(/\bon \d+ nodes/g, 'on N nodes')
    .replace(/just now|\d+ (second|minute|hour)s? ago/g, 'AGO')
    .replace(/[\u2800-\u28ff] [^…]*…/g, '') // progress
    .replace(
      /(Exporting|Importing|Sealing) … [\d.]+ [kMG]?B( of [\d.]+ [kMG]?B)?(, [\d.]+ [kMG]?B\/s)?(, .*? left)?/g,
      '',
    )
    .replace(/\b[\d.]+ [kMG]?B\b/g, 'SIZE')
    .replace(/\s+/g, ' ')
    .trim();
}

/** What a screen of the README matches: a line of `…` stands for any number of lines. */
function patternOf(screen: string, project: string): RegExp {
  const parts = screen.split(/^ *…$/m).map((part) => normal(part, project).replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

describe('the README', () => {
  it('shows how two machines, two people, and one without a key do it', () => {
    expect(runs.map(({ who, command }) => `${who} ${command.split(' ').slice(0, 3).join(' ')}`)).toEqual([
      'laptop cclink',
      'desk cclink pickup --ssh',
      'laptop cclink --folder ~/Sync',
      'desk cclink pickup --folder',
      'laptop cclink export -o',
      'desk cclink import ~/shop.cclink',
      'bob cclink whoami -q',
      'ada cclink export --share',
      'bob cclink import for-bob.cclink',
      'ada cclink export --pin',
      'carol cclink import for-carol.cclink',
    ]);
  });

  // One after the other, as a reader would.
  it.each(runs)('$who: $command', async ({ who, command, screen }) => {
    if (command.includes('--ssh') && !hasSshd) return;
    const machine = machines.get(who) as Machine;
    const other = machines.get(who === 'ada' ? 'bob' : 'ada') as Machine;
    const isToArrive = /pickup|import/.test(command);
    // Each way is shown for a machine that never had the session.
    if (isToArrive) rmSync(machine.claudeFolder, { recursive: true, force: true });
    const words = command
      .replace(/^cclink ?/, '')
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => (word.length === 52 ? (keys.get(other.home) ?? '') : word.replace(/^~/, home)));
    const terminal = machine.terminal(words);
    for (const [, question = '', answer] of screen.matchAll(/^\? (.*?) (?:\(not shown\)|\(y\/N\) (\w))$/gm)) {
      const pattern = new RegExp(question.replace(/[().?]/g, '\\$&').replace(/[a-z0-9]{8}…/, '.*'));
      await terminal.answers(pattern, `${answer ?? secretFor(question)}\r`);
    }
    const code = await terminal.end();
    expect(normal(terminal.text, machine.project)).toMatch(patternOf(screen, machine.project));
    pin = /^PIN: (.*)$/m.exec(terminal.text)?.[1] ?? pin;
    expect(code).toBe(0);
    if (isToArrive) expect(machine.claudeStart()?.args.slice(0, 2)).toEqual(['--resume', ID]);
  });
});

function secretFor(question: string): string {
  if (question.startsWith('Passphrase')) return PASSPHRASE;
  return question.startsWith('PIN of') ? pin : '';
}
