import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { optionsOf } from '../src/commands/declaration.ts';
import { COMMAND_NAMES, COMMANDS } from '../src/commands/table.ts';
import { EXIT_CODES } from '../src/failure.ts';

const path = fileURLToPath(new URL('../dist/cclink.1', import.meta.url));
const page = readFileSync(path, 'latin1');

/** Text as it stands in the page. */
const escaped = (text: string) => text.replaceAll('-', '\\-');

/** What a program says of the page; null if there is no such program. */
function says(program: string, ...args: string[]): string | null {
  const { error, stdout, stderr } = spawnSync(program, [...args, path], { encoding: 'utf8' });
  return error === undefined ? stdout + stderr : null;
}

describe('the man page', () => {
  it.each(COMMAND_NAMES)('has %s with all its options', async (name) => {
    const section = page.split('\n.SS ').find((text) => text.startsWith(`"cclink ${name}`)) ?? '';
    for (const { flags } of optionsOf((await COMMANDS[name]()).command)) {
      const [long = ''] = /--[a-z-]+/.exec(flags) ?? [];
      expect(section).toContain(`\\fB${escaped(long)}\\fR`);
    }
  });

  it('is named in the form in which npm links it', () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { man: unknown };
    expect(manifest.man).toEqual(['dist/cclink.1']); // npm 11 takes no notice of a string
  });

  it('has every exit code', () => {
    for (const [name, code] of Object.entries(EXIT_CODES)) {
      expect(page).toMatch(new RegExp(`\\.TP\n\\\\fB${code}\\\\fR\n[^.]*${escaped(name).replaceAll('\\', '\\\\')}`));
    }
  });

  it('has nothing in it that a terminal or a compiler could take for something else', () => {
    expect(page).toMatch(/^[\n -~]*$/);
  });

  const mandoc = says('mandoc', '-Tlint');
  it.skipIf(mandoc === null)('is good in the eyes of mandoc', () => {
    // Only a released version has a date.
    expect(mandoc?.replace(/^.*missing date.*\n/m, '')).toBe('');
  });

  const narrow = says('mandoc', '-Tascii', '-Owidth=60');
  it.skipIf(narrow === null)('has no line that is broken inside a word on a narrow terminal', () => {
    const lines = narrow?.replace(/.\u0008/g, '').split('\n') ?? [];
    expect(lines.filter((line) => line.length > 60)).toEqual([]);
  });

  const groff = says('groff', '-man', '-ww', '-z');
  it.skipIf(groff === null)('is good in the eyes of groff', () => {
    expect(groff).toBe('');
  });
});
