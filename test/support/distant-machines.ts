import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Machine, SESSION } from './machine.ts';

/** Set by `useDistantMachines`: a private network for all tests of a file; the rest for each of them. */
export let network: PrivateNetwork;
/** Two machines with one key, whose homes and projects have other paths. Only the laptop has the session. */
export let laptop: Machine;
export let desk: Machine;
/** A folder that both see. */
export let shared: string;

/** Called once at the top of a test file. */
export function useDistantMachines(nodes: number): void {
  beforeAll(async () => {
    network = await startPrivateNetwork({ nodes });
  });
  afterAll(() => network.close());
  beforeEach(async () => {
    laptop = new Machine('laptop', network.bootstrap);
    desk = new Machine('desk', network.bootstrap);
    shared = join(laptop.home, 'shared');
    mkdirSync(shared);
    await laptop.init();
    desk.takeKeyOf(laptop);
    desk.installClaude();
    laptop.addSession();
  });
  afterEach(() => {
    laptop.remove();
    desk.remove();
  });
}

/** Where the session's transcript lies on a machine, if it lives in `directory` there. */
export function transcriptOn(machine: Machine, directory = machine.project): string {
  return join(machine.claudeFolder, 'projects', slugOf(directory), `${SESSION}.jsonl`);
}

export const textOn = (machine: Machine) => readFileSync(transcriptOn(machine), 'utf8');

/** Says something more in the session of a machine: a text, or the blocks of a message. */
export function goOn(machine: Machine, content: string | object[], role: 'user' | 'assistant' = 'user'): void {
  const transcript = transcriptOn(machine);
  const lines = readFileSync(transcript, 'utf8').trimEnd().split('\n');
  const last = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ uuid }) => typeof uuid === 'string')
    .at(-1);
  const record = {
    ...last,
    type: role,
    parentUuid: last?.['uuid'],
    uuid: crypto.randomUUID(),
    timestamp: new Date().toISOString(),
    message: { role, content },
  };
  appendFileSync(transcript, `${JSON.stringify(record)}\n`);
}
