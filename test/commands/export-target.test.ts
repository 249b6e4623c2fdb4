import { describe, expect, it } from 'vitest';
import { fileNameFor } from '../../src/commands/export-target.ts';

const ID = '1a2b3c4d-0000-4000-8000-000000000000';

describe('the file of a session that nobody named', () => {
  it.each([
    ['Fix the flaky login test!', 'fix-the-flaky-login-test'],
    ['Größer werden: café', 'großer-werden-cafe'.replace('ß', '-')],
    ['../../etc/passwd', 'etc-passwd'],
    ['直す', 'session'],
    ['\u001b[2J\u202e', '2j'],
    ['', 'session'],
    [null, 'session'],
    ['one two three four five six seven eight nine ten', 'one-two-three-four-five-six-seven-eight'],
    ['x'.repeat(100), 'x'.repeat(40)],
    ['--', 'session'],
  ])('is named after its title, %j, in letters that every system takes', (title, slug) => {
    expect(fileNameFor({ title, id: ID })).toBe(`${slug}-1a2b3c4d.cclink`);
  });
});
