import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FirstStarts, firstStartOptions } from '../../../src/travel/arriving/first-start.ts';
import { sessionId } from '../../support/claude-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const [SESSION, OTHER] = [sessionId(1), sessionId(2)];
const SAFE = { claudeOptions: ['--permission-mode', 'default'], systemPrompt: 'It moved.' };

let state: string;
beforeEach(() => {
  state = temporaryFolder();
});

describe('the first start of a session that was brought in', () => {
  it('is remembered until it has been started, whichever process does it', () => {
    new FirstStarts(state).note(SESSION, SAFE);
    expect(new FirstStarts(state).of(SESSION)).toEqual(SAFE);
    expect(new FirstStarts(state).of(OTHER)).toBeNull();
    new FirstStarts(state).drop(SESSION);
    expect(new FirstStarts(state).of(SESSION)).toBeNull();
    new FirstStarts(state).drop(SESSION);
  });

  it('is what claude is given before the words of its user', () => {
    expect(firstStartOptions(SAFE)).toEqual(['--permission-mode', 'default', '--append-system-prompt', 'It moved.']);
    expect(firstStartOptions({ claudeOptions: [], systemPrompt: null })).toEqual([]);
  });

  it.each([
    '',
    'not json',
    '[]',
    '{"claudeOptions":"--x","systemPrompt":null}',
    '{"claudeOptions":[1],"systemPrompt":""}',
  ])('is not taken from a damaged file: %j', (content) => {
    mkdirSync(join(state, 'first-starts'));
    writeFileSync(join(state, 'first-starts', `${SESSION}.json`), content);
    expect(new FirstStarts(state).of(SESSION)).toBeNull();
  });

  it('is forgotten after a month', () => {
    const starts = new FirstStarts(state);
    starts.note(SESSION, SAFE);
    const longAgo = Date.now() / 1000 - 31 * 86_400;
    utimesSync(join(state, 'first-starts', `${SESSION}.json`), longAgo, longAgo);
    starts.note(OTHER, SAFE);
    expect(readdirSync(join(state, 'first-starts'))).toEqual([`${OTHER}.json`]);
  });
});
