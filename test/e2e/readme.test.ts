import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Machine } from '../support/machine.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The README's own names for what differs from run to run. */
const PROJECT = '/srv/shop';
const TITLE = 'fix the flaky login test';
const ID = '1f2a7c09-6a83-4c55-9d0c-0d6f0a3e3d11';
const PASSPHRASE = 'correct horse battery';

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
  for (const machine of [laptop, ada, bob]) keys.set(machine.home, await machine.init(PASSPHRASE));
  desk.takeKeyOf(laptop);
  const file = laptop.addSession(undefined, { id: ID });
  // It was used a moment ago, and has a better title.
  const text = readFileSync(file, 'utf8').replace(/remember the word ZEBRA[^"\\]*/g, TITLE);
  writeFileSync(file, text.replace(/"timestamp":"[^"]*"/g, `"timestamp":"${new Date().toISOString()}"`));
  utimesSync(file, new Date(), new Date());
  for (const machine of [desk, ada, bob, carol]) machine.takeSessionsOf(laptop);
  for (const machine of [desk, bob, carol]) machine.installClaude();
});
afterAll(async () => {
  for (const machine of machines.values()) machine.remove();
  await network.close();
});

/** A screen without what differs from run to run. */
function normal(screen: string, project: string): string {
  return screen
    .replaceAll(project, PROJECT)
    .replace(/^( {2}From +).*$/gm, '$1HOST')
    .replaceAll(hostname(), 'HOST')
    .replace(/\b[a-z0-9]{52}\b/g, 'KEY')
    .replace(/\b[a-z0-9]{8}…/g, 'SHORT…')
    .replace(/\b[a-z]+(-[a-z]+){4}\b/g, 'WORDS')
    .replace(/\bon \d+ nodes/g, 'on N nodes')
    .replace(/\d+ kB in/g, 'SIZE in')
    .replace(/just now|\d+ (second|minute|hour)s? ago/g, 'AGO')
    .replace(/[\u2800-\u28ff] [^…]*…/g, '') // progress
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}

describe('the README', () => {
  it('shows how two machines, two people, and one without a key do it', () => {
    expect(runs.map(({ who, command }) => `${who} ${command.split(' ').slice(0, 2).join(' ')}`)).toEqual([
      'laptop cclink',
      'desk cclink pickup',
      'bob cclink whoami',
      'ada cclink --share',
      'bob cclink pickup',
      'ada cclink --pin',
      'carol cclink pickup',
    ]);
  });

  // One after the other, as a reader would.
  it.each(runs)('$who: $command', async ({ who, command, screen }) => {
    const machine = machines.get(who) as Machine;
    const other = machines.get(who === 'ada' ? 'bob' : 'ada') as Machine;
    const words = command
      .replace(/^cclink ?/, '')
      .split(' ')
      .filter((word) => word !== '');
    const terminal = machine.terminal(words.map((word) => (word.length === 52 ? (keys.get(other.home) ?? '') : word)));
    for (const [, question = '', answer] of screen.matchAll(/^\? (.*?) (?:\(not shown\)|\(y\/N\) (\w))$/gm)) {
      const pattern = new RegExp(question.replace(/[().?]/g, '\\$&').replace(/[a-z0-9]{8}…/, '.*'));
      await terminal.answers(pattern, `${answer ?? secretFor(question)}\r`);
    }
    const code = await terminal.end();
    expect(normal(terminal.text, machine.project)).toBe(normal(screen, machine.project));
    pin = /^PIN: (.*)$/m.exec(terminal.text)?.[1] ?? pin;
    expect(code).toBe(0);
    if (command.includes('pickup')) expect(machine.claudeStart()?.args).toEqual(['--resume', ID]);
  });
});

function secretFor(question: string): string {
  if (question.startsWith('Passphrase')) return PASSPHRASE;
  return question.startsWith('PIN of') ? pin : '';
}
