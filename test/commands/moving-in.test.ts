import { expect, it } from 'vitest';
import type { Context } from '../../src/commands/context.ts';
import { tellOfImport } from '../../src/commands/moving-in.ts';
import type { Imported } from '../../src/travel/arriving/importing.ts';

it('says what of a session that was brought in was left out here, or could not follow it', () => {
  const said: string[] = [];
  const output = { say: (text: string) => said.push(text), trace: (text: string) => said.push(text) };
  const leftHere = [
    { what: '2 attachments', why: 'why one' },
    { what: '1 thinking block still names the old paths', why: 'why two' },
  ];
  const there = { what: 'system prompts', why: 'why three' };
  tellOfImport({ output } as unknown as Context, {
    ...({ outcome: 'new', directory: '/srv/shop', replaced: null } as Imported),
    left: [there, ...leftHere],
    leftHere,
  });
  expect(said).toEqual([
    'Brought in, to /srv/shop.',
    'Left out or not adapted here: 2 attachments, 1 thinking block still names the old paths (-v says why)',
    'system prompts: why three',
    '2 attachments: why one',
    '1 thinking block still names the old paths: why two',
  ]);
});
