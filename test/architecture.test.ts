import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** The floors of the house, the highest first. Those on one line do not import each other. */
const FLOORS = [
  ['main.ts'],
  ['program.ts'],
  ['commands'],
  ['terminal', 'environment.ts'],
  ['handoff'],
  ['dht'],
  ['identity'],
  ['claude', 'crypto', 'process'],
  ['files'],
  ['running-process.ts', 'shell-quote.ts', 'time.ts'],
  ['failure.ts'],
];

const floorOf = (path: string): string => path.split(/[/\\]/)[0] ?? '';
const levelOf = (floor: string): number => FLOORS.findIndex((floors) => floors.includes(floor));

/** Every import of one of our files by another, as paths below src/. */
const imports = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .flatMap((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g)];
    return found.map(([, to = '']) => ({ from: path, to: relative(SRC, join(SRC, dirname(path), to)) }));
  });

describe('the house', () => {
  it('has a floor for every file', () => {
    expect(imports.length).toBeGreaterThan(50);
    for (const { from, to } of imports) {
      expect(levelOf(floorOf(from)), from).toBeGreaterThanOrEqual(0);
      expect(levelOf(floorOf(to)), to).toBeGreaterThanOrEqual(0);
    }
  });

  it('imports downwards only', () => {
    const upwards = imports.filter(({ from, to }) => {
      const [above, below] = [floorOf(from), floorOf(to)];
      return above !== below && levelOf(above) >= levelOf(below);
    });
    expect(upwards).toEqual([]);
  });

  it('shows only above the domain that a user is there: no process.exit, console or standard streams below', () => {
    const speaking = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && levelOf(floorOf(path)) > levelOf('terminal'))
      .filter((path) =>
        /\bprocess\.(exit|stdout|stderr|stdin|env)\b|\bconsole\./.test(readFileSync(join(SRC, path), 'utf8')),
      );
    expect(speaking).toEqual([]);
  });
});
