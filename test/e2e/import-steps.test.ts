import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slugOf } from '../../src/claude/folders.ts';
import { parsePublicKey } from '../../src/identity/public-key.ts';
import { BUNDLE_SESSION, lines, makeBundle, THERE, turnRecord } from '../support/hostile-bundle.ts';
import { Machine } from '../support/machine.ts';

const PRELOAD = fileURLToPath(new URL('../support/killed-at-step.cjs', import.meta.url));
const AT_ONCE = 3;

const turns = (count: number) => lines(...Array.from({ length: count }, (_, number) => turnRecord(number))).toString();

/** A machine that has an older copy of a session, in another directory than it is to live in from now on. */
class Desk {
  readonly machine = new Machine('desk', '127.0.0.1:1');
  readonly file = join(this.machine.home, 'session.cclink');
  readonly old = join(this.machine.home, 'old');
  readonly state = join(this.machine.home, '.local/state/cclink');

  async seal(): Promise<void> {
    const publicKey = await this.machine.init();
    const seed = Buffer.from(readFileSync(this.machine.keyFile, 'utf8').trim(), 'hex');
    const files = { 'session.jsonl': turns(6), 'tool-results/b1.txt': 'result', 'custom-title.json': '{}' };
    writeFileSync(this.file, await makeBundle(parsePublicKey(publicKey), { files, signer: seed }));
    mkdirSync(this.old);
  }

  transcriptIn(directory: string): string {
    return join(this.machine.claudeFolder, 'projects', slugOf(directory), `${BUNDLE_SESSION}.jsonl`);
  }

  /** As it was before: the old copy, and nothing else. */
  reset(): void {
    for (const folder of [this.machine.claudeFolder, this.state]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(this.machine.claudeFolder, 'projects', slugOf(this.old)), { recursive: true });
    writeFileSync(this.transcriptIn(this.old), this.textIn(this.old, 3));
  }

  textIn(directory: string, count: number): string {
    return turns(count).replaceAll(THERE.directory, directory);
  }

  run(step?: number) {
    const env = { NODE_OPTIONS: `--require ${PRELOAD}`, ...(step !== undefined && { KILL_AT_STEP: `${step}` }) };
    return this.machine.run(['import', this.file, '--into', '.', '-y', '--no-run'], { env });
  }

  /** The transcripts that a reader finds, with their text. */
  found(): Map<string, string> {
    const projects = join(this.machine.claudeFolder, 'projects');
    const names = readdirSync(projects, { recursive: true, encoding: 'utf8' });
    const transcripts = names.filter((name) => name.endsWith(`${BUNDLE_SESSION}.jsonl`));
    return new Map(transcripts.map((name) => [name, readFileSync(join(projects, name), 'utf8')]));
  }
}

const desks: Desk[] = [];

beforeAll(async () => {
  for (let i = 0; i < AT_ONCE; i += 1) desks.push(new Desk());
  await Promise.all(desks.map((desk) => desk.seal()));
});

afterAll(() => {
  for (const { machine } of desks) machine.remove();
});

describe('an import that is killed before any of its steps', () => {
  it('leaves the older session or the newer one, and the next import ends with the newer one', async () => {
    const [first] = desks as [Desk];
    first.reset();
    const { code, stderr } = await first.run();
    expect([code, stderr]).toEqual([0, expect.stringContaining('Brought up to date')]);
    const steps = Number(/steps: (\d+)/.exec(stderr)?.[1]);
    expect(steps).toBeGreaterThan(10);

    const seen = new Set<string>();
    let next = 0;
    await Promise.all(
      desks.map(async (desk) => {
        const { machine, old } = desk;
        const [older, newer] = [desk.textIn(old, 3), desk.textIn(machine.project, 6)];
        for (let step = next++; step < steps; step = next++) {
          desk.reset();
          expect((await desk.run(step)).code, `step ${step}`).not.toBe(0);
          const found = [...desk.found().values()];
          expect(found.length, `step ${step}`).toBeGreaterThan(0);
          for (const text of found) expect([older, newer], `step ${step}`).toContain(text);
          seen.add(found.includes(newer) ? 'newer' : 'older');

          expect((await desk.run()).code, `after step ${step}`).toBe(0);
          expect(desk.found().get(`${slugOf(machine.project)}/${BUNDLE_SESSION}.jsonl`)).toBe(newer);
          expect(
            readFileSync(join(desk.transcriptIn(machine.project).slice(0, -6), 'tool-results/b1.txt'), 'utf8'),
          ).toBe('result');
          expect(readdirSync(machine.claudeFolder), `after step ${step}`).toEqual(['projects']);
        }
      }),
    );
    expect([...seen].sort()).toEqual(['newer', 'older']);
  }, 60_000);
});
