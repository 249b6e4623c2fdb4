import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Machine, SESSION } from '../support/machine.ts';

let network: PrivateNetwork;
/** Two machines with one key, under different homes; only the laptop has the session. */
let laptop: Machine;
let desk: Machine;
/** A folder that both see. */
let shared: string;

beforeAll(async () => {
  network = await startPrivateNetwork({ nodes: 12 });
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

const transcriptOn = (machine: Machine, directory = machine.project) =>
  join(machine.claudeFolder, 'projects', slugOf(directory), `${SESSION}.jsonl`);

describe('through a folder', () => {
  it('goes a session whose files were never on the other machine', async () => {
    const published = await laptop.run(['--folder', shared]);
    expect(published.stderr).toMatch(/Its files are in .*: [\d.]+ kB, sealed/);
    expect(readdirSync(shared)).toEqual([expect.stringMatching(/^[a-z2-7]{26}\.cclink$/)]);
    const picked = await desk.run(['pickup', '-y', '--folder', shared, '--into', desk.project]);
    expect(picked.stderr).toContain('Its files are not here');
    expect(picked.code).toBe(0);
    const text = readFileSync(transcriptOn(desk), 'utf8');
    expect(text).toContain('ZEBRA');
    expect(text).not.toContain(laptop.home);
    const claude = desk.claudeStart();
    expect(claude?.args.slice(0, 3)).toEqual(['--resume', SESSION, '--append-system-prompt']);
    expect(claude?.cwd).toBe(desk.project);
  });
});
