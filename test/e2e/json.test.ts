import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { desk, laptop, shareKeyAndSession, useTwoMachines } from '../support/two-machines.ts';

useTwoMachines(8);

/** A row of a table in docs/JSON.md. */
interface Row {
  readonly key: string;
  readonly type: string;
  readonly isOptional: boolean;
}

interface Section {
  readonly example: unknown;
  readonly rows: readonly Row[];
}

const page = readFileSync(new URL('../../docs/JSON.md', import.meta.url), 'utf8');
const sections = new Map(page.split(/^#+ /m).flatMap(parseSection));

function parseSection(text: string): [string, Section][] {
  const [title = ''] = text.split('\n');
  const [, example] = /```json\n(.*?)\n```/s.exec(text) ?? [];
  if (example === undefined) return [];
  const rows = [...text.matchAll(/^\| `([\w.]+)` \| ([^|]+?) \|(.*)\|$/gm)].map(
    ([, key = '', type = '', what = '']) => ({
      key,
      type,
      isOptional: what.includes('_sometimes_'),
    }),
  );
  return [[title, { example: JSON.parse(example), rows }]];
}

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  key: (value) => typeof value === 'string' && /^[a-z0-9]{52}$/.test(value),
  uuid: (value) => typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value),
  time: (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value),
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  'yes/no': (value) => typeof value === 'boolean',
  digits: (value) => typeof value === 'string' && /^\d+$/.test(value),
  'list of text': (value) => Array.isArray(value) && value.every((word) => typeof word === 'string'),
  'list of objects': (value) => Array.isArray(value) && value.every((one) => TYPES['object']?.(one)),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  null: (value) => value === null,
};

/** Whether a value is of a type as the tables name it: `time or null`, or the values themselves. */
function isOf(type: string, value: unknown): boolean {
  const literals = [...type.matchAll(/`([^`]+)`/g)].map(([, literal]) => literal);
  if (literals.length > 0) return literals.includes(value as string);
  return type.split(' or ').some((name) => TYPES[name]?.(value) ?? false);
}

/** Every key of a value with what it holds, those of objects in it as `session.id`. */
function flattened(value: unknown, prefix = ''): [string, unknown][] {
  return Object.entries(value as object).flatMap(([name, held]) => {
    const key = `${prefix}${name}`;
    return TYPES['object']?.(held) ? [[key, held], ...flattened(held, `${key}.`)] : [[key, held]];
  }) as [string, unknown][];
}

/** Compares a value, or each element of an array, with a section of the page. */
function mustBeAsDocumented(title: string, value: unknown): void {
  const section = sections.get(title);
  expect(section, title).toBeDefined();
  for (const one of Array.isArray(value) ? value : [value]) {
    const found = new Map(flattened(one));
    for (const { key, type, isOptional } of section?.rows ?? []) {
      if (!found.has(key)) expect(isOptional, `${title}: ${key} is missing`).toBe(true);
      else
        expect(isOf(type, found.get(key)), `${title}: ${key} is ${type}: ${JSON.stringify(found.get(key))}`).toBe(true);
    }
    const rows = section?.rows.map(({ key }) => key) ?? [];
    expect(
      [...found.keys()].filter((key) => !rows.includes(key)),
      `${title}: not documented`,
    ).toEqual([]);
  }
}

describe('docs/JSON.md', () => {
  it('has an example of each result, which is as its own table says', () => {
    expect(sections.size).toBe(15);
    for (const [title, { example, rows }] of sections) {
      expect(rows.length, title).toBeGreaterThan(0);
      mustBeAsDocumented(title, example);
    }
  });

  it('has a section for every command that takes --json', async () => {
    const { COMMAND_NAMES, COMMANDS } = await import('../../src/commands/table.ts');
    for (const name of COMMAND_NAMES) {
      expect(sections.has(name), name).toBe((await COMMANDS[name]()).command.json === true);
    }
  });
});

describe('what the program prints is what docs/JSON.md says:', () => {
  it('init, whoami, doctor', async () => {
    mustBeAsDocumented('init', await laptop.json(['init', '--no-passphrase']));
    mustBeAsDocumented('whoami', await laptop.json(['whoami']));
    const { stdout } = await laptop.run(['doctor', '--json', '--timeout', '5s']);
    mustBeAsDocumented('doctor', JSON.parse(stdout));

    const identity = laptop.terminal(['whoami', '--age-identity', '--json']);
    await identity.answers(/Print it\?/, 'y\r');
    await identity.sees(/\{.*\}/);
    await identity.end();
    mustBeAsDocumented('whoami --age-identity', JSON.parse(/^\{.*\}$/m.exec(identity.text)?.[0] ?? ''));
  });

  it('init --import of an encrypted key', async () => {
    await laptop.init('a good long passphrase');
    const imported = await desk.json(['init', '--import', laptop.keyFile]);
    mustBeAsDocumented('init', imported);
    expect(imported['publicKey']).toBe(null);
  });

  it('export', async () => {
    await shareKeyAndSession();
    mustBeAsDocumented('export --dry-run', await laptop.json(['export', '--dry-run']));
    mustBeAsDocumented('export', await laptop.json(['export']));
    const { publicKey } = await laptop.json(['whoami']);
    const forOthers = ['export', '--share', String(publicKey), '-y'];
    const env = { SHOP_API_KEY: 'remember the word ZEBRA' };
    mustBeAsDocumented('export', await laptop.json(forOthers, { env }));
    const dry = await laptop.json([...forOthers, '--dry-run'], { env });
    expect(dry).toMatchObject({ found: [{ values: 1 }], masked: [{ count: 1 }] });
    mustBeAsDocumented('export --dry-run', dry);
  });

  it('publish, list, show, pickup, revoke', async () => {
    const publicKey = await shareKeyAndSession();
    mustBeAsDocumented('publish --dry-run', await laptop.json(['publish', '--dry-run']));
    mustBeAsDocumented('publish', await laptop.json([]));
    const listed = await laptop.json<unknown[]>(['list']);
    expect(listed).toHaveLength(1);
    mustBeAsDocumented('list', listed);
    mustBeAsDocumented('show', await desk.json(['show']));
    mustBeAsDocumented('pickup', await desk.json(['pickup', '-y']));
    mustBeAsDocumented('revoke', await laptop.json(['revoke', '-y']));
    mustBeAsDocumented('revoke', await laptop.json(['revoke', '-y']));
    const gone = await desk.run(['show', '--json']);
    expect(gone.stdout).toBe('');
    mustBeAsDocumented('Errors', JSON.parse(gone.stderr.trim().split('\n').at(-1) ?? ''));

    mustBeAsDocumented('publish', await laptop.json(['--burn', '--ttl', '1h']));
    const burnt = await desk.json(['pickup', '-y']);
    expect(burnt).toHaveProperty('older');
    mustBeAsDocumented('pickup', burnt);

    const folder = join(laptop.home, 'shared');
    mkdirSync(folder);
    mustBeAsDocumented('publish --dry-run', await laptop.json(['--folder', folder, '--dry-run']));
    mustBeAsDocumented('publish', await laptop.json(['--folder', folder]));
    rmSync(desk.claudeFolder, { recursive: true });
    const brought = await desk.json(['pickup', '-y', '--folder', folder]);
    expect(brought).toHaveProperty('imported');
    mustBeAsDocumented('pickup', brought);

    mustBeAsDocumented('publish', await laptop.json(['--share', publicKey, '-y']));
    mustBeAsDocumented('list', await laptop.json(['list']));
    mustBeAsDocumented('publish', await laptop.json(['--pin', '-y'], { env: { CCLINK_PIN: 'a good long pin' } }));
    const [pin] = await laptop.json<unknown[]>(['list']);
    expect(pin).toHaveProperty('session', null);
    mustBeAsDocumented('list', [pin]);
    mustBeAsDocumented('show', await desk.json(['show'], { env: { CCLINK_PIN: 'a good long pin' } }));
  });

  it('import', async () => {
    await shareKeyAndSession();
    const file = join(laptop.home, 'session.cclink');
    await laptop.json(['export', '-o', file]);
    const take = ['import', file, '--into', desk.project, '-y'];
    mustBeAsDocumented('import --inspect', await desk.json([...take, '--inspect']));
    mustBeAsDocumented('import', await desk.json([...take, '--as-new']));
    mustBeAsDocumented('import', await desk.json(take));
  });
});
