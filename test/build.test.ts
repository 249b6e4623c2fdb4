import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

/** The files that Node loads with one of dist/, and how many imports it resolves between them. */
function loadedWith(file: string, loaded = new Map<string, number>()): ReadonlyMap<string, number> {
  if (loaded.has(file)) return loaded;
  const source = readFileSync(join(dist, file), 'utf8');
  const imports = [...source.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)].map(([, name = '']) => name);
  loaded.set(file, imports.length);
  for (const name of imports) loadedWith(name, loaded);
  return loaded;
}

const chunkOf = (file: string) => readdirSync(dist).find((name) => name.startsWith(`${file}-`)) ?? '';

describe('the build', () => {
  // Its rules are as large as all of a command.
  it.each(['export', 'leaving-session', 'session-in-folder', 'pickup', 'import'])(
    'has %s start without what knows secrets',
    (file) => {
      const knowsSecrets = (name: string) => readFileSync(join(dist, name), 'utf8').includes('GitHub token');
      expect([...loadedWith(chunkOf('masking')).keys()].filter(knowsSecrets)).not.toEqual([]);
      expect([...loadedWith(chunkOf(file)).keys()].filter(knowsSecrets)).toEqual([]);
    },
  );

  // From some 60 on, Node optimizes the code that resolves them, at the cost of a fifth of a start.
  it.each(['whoami', 'publish', 'pickup', 'list'])('has %s start with few imports between files', (command) => {
    const loaded = loadedWith(chunkOf(command), new Map(loadedWith('main.js')));
    expect([...loaded.values()].reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(55);
  });
});
