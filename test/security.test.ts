import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const docs = new URL('../docs/', import.meta.url);
const page = readFileSync(new URL('SECURITY.md', docs), 'utf8');
const threats = page.slice(page.indexOf('## Threats'), page.indexOf('## Guessing a PIN'));

/** The cells of every row that begins with a number such as `N12`, by how many cells it has. */
const rows = threats
  .split('\n')
  .filter((line) => /^\| [A-Z]\d+ \|/.test(line))
  .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim()));
const claims = rows.filter((cells) => cells.length === 4);
const evidence = rows.filter((cells) => cells.length === 2);

/** A text with only one kind of apostrophe, and those of string literals without their backslash. */
const plain = (text: string) => text.replaceAll("\\'", "'").replaceAll('’', "'");
const textOf = (path: string) => plain(readFileSync(new URL(path, docs), 'utf8'));
/** Where rows of the tests' tables are named: ways to be a hostile node, and vectors. */
const cases = [
  '../test/support/hostile-nodes.ts',
  ...readdirSync(new URL('../test/vectors/', docs))
    .filter((name) => name.endsWith('.json'))
    .map((name) => `../test/vectors/${name}`),
].map(textOf);

describe('docs/SECURITY.md', () => {
  it('has two kinds of tables under threats: what stops an attack, and what tests that', () => {
    const other = threats.split('\n').filter((line) => /^\|(?! [A-Z]\d+ \|| \||-)/.test(line));
    expect(other).toEqual([]);
    expect(rows.filter((cells) => cells.length !== 4 && cells.length !== 2)).toEqual([]);
    expect(claims.length).toBeGreaterThan(70);
    for (const cells of claims) expect(cells.filter((cell) => cell === '')).toEqual([]);
  });

  it('has one row of tests for each threat, under the same number', () => {
    const numbers = claims.map(([number]) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(evidence.map(([number]) => number)).toEqual(numbers);
  });

  it.each(evidence)('names tests of %s that exist', (_, tests = '') => {
    const quoted = [...tests.matchAll(/\[[\w.-]+\]\(([^)]+)\)((?: “[^”]+”(?: \((?:[^()]|\([^()]*\))*\))?,?)+)/g)];
    expect(quoted.length).toBeGreaterThan(0);
    for (const [, path = '', names = ''] of quoted) {
      const source = textOf(path);
      for (const [, name = ''] of names.matchAll(/“([^”]+)”/g)) {
        expect(
          [source, ...cases].some((text) => text.includes(plain(name))),
          `${path}: ${name}`,
        ).toBe(true);
      }
    }
    // Nothing is quoted where the pattern above does not look.
    const all = tests.match(/“[^”]+”/g)?.length;
    expect(quoted.flatMap(([, , names = '']) => names.match(/“[^”]+”/g) ?? []).length).toBe(all);
  });

  it('links to nothing that is not there', () => {
    const links = [...page.matchAll(/\]\((\.\.?\/[^)#]+|[A-Z]+\.md)/g)].map(([, path = '']) => path);
    expect(links.filter((path) => !existsSync(fileURLToPath(new URL(path, docs))))).toEqual([]);
  });
});
