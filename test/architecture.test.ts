import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');

/** The floors of the house, the highest first. Those on one line do not import each other. */
const FLOORS = [
  ['main.ts'],
  ['program.ts'],
  ['commands'],
  ['terminal', 'environment.ts'],
  ['handoff', 'doctor'],
  ['travel'],
  ['dht'],
  ['identity'],
  ['claude', 'crypto', 'process'],
  ['files'],
  ['count.ts', 'interruption.ts', 'running-process.ts', 'shell-quote.ts', 'size.ts', 'system-failure.ts', 'time.ts'],
  ['failure.ts', 'secret-bytes.ts', 'shown-text.ts'],
];

const floorOf = (path: string): string => path.split(/[/\\]/)[0] ?? '';
const levelOf = (floor: string): number => FLOORS.findIndex((floors) => floors.includes(floor));

/** Every place in src/ where a pattern finds the import of one of our files, as paths below src/. */
const importsLike = (pattern: RegExp) =>
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => {
      const found = [...readFileSync(join(SRC, path), 'utf8').matchAll(pattern)];
      return found.map(([, to = '']) => ({ from: path, to: relative(SRC, join(SRC, dirname(path), to)) }));
    });

const imports = importsLike(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g);
/** Those at the top of a file, types included; not `import()`. */
const staticImports = importsLike(/^(?:import|export) (?:[^'";]* from )?'(\.[^']*)'/gm);

/** The files on the first circle of static imports that `file` leads to; null if there is none. */
function circleFrom(file: string, seen: Set<string>, trail: readonly string[] = []): string[] | null {
  if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
  if (seen.has(file)) return null;
  seen.add(file);
  for (const { to } of staticImports.filter(({ from }) => from === file)) {
    const circle = circleFrom(to, seen, [...trail, file]);
    if (circle !== null) return circle;
  }
  return null;
}

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

  it('has no circle of static imports', () => {
    expect(staticImports.length).toBeGreaterThan(50);
    const seen = new Set<string>();
    const circles = staticImports.map(({ from }) => circleFrom(from, seen));
    expect(circles.filter((circle) => circle !== null)).toEqual([]);
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

describe('the comments', () => {
  it('are at most 110 columns wide', () => {
    const files = ['src', 'test', 'bench', 'scripts'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.(ts|mjs)$/.test(path))
        .map((path) => join(folder, path)),
    );
    const tooWide = files.flatMap((path) =>
      readFileSync(join(ROOT, path), 'utf8')
        .split('\n')
        .map((text, i) => ({ text, at: `${path}:${i + 1}` }))
        .filter(({ text }) => /^\s*(\/\/|\/?\*)/.test(text) && text.length > 110)
        .map(({ at }) => at),
    );
    expect(tooWide).toEqual([]);
  });
});
