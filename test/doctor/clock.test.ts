import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clockCheck, isClockSynchronised } from '../../src/doctor/clock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NOW_MS = Date.UTC(2026, 10, 26, 12);

/** What is found where programs print these texts, and nothing else is known. */
function askedOf(programs: Record<string, string>, platform: NodeJS.Platform = 'linux'): Promise<boolean | null> {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\nprintf '%s\\n' '${text}'\n`, { mode: 0o755 });
  }
  // Only these are found: a program of the machine that runs the test knows something else.
  return isClockSynchronised({ PATH: [folder].join(delimiter) }, { platform, timesyncFile: join(folder, 'none') });
}

describe.skipIf(process.platform === 'win32')('what the system says of its clock', () => {
  it.each([
    [{ timedatectl: 'yes' }, true],
    [{ timedatectl: 'no' }, false],
    [{ timedatectl: 'Failed to connect to bus', chronyc: 'Leap status     : Normal' }, true],
    [{ chronyc: 'Leap status     : Not synchronised' }, false],
    [{ adjtimex: 'return value: 0 (clock synchronized)' }, true],
    [{ adjtimex: 'return value: 5 (clock not synchronized)' }, false],
    [{ timedatectl: '' }, null],
    [{}, null],
  ])('%j: %s', async (programs, expected) => {
    expect(await askedOf(programs as Record<string, string>)).toBe(expected);
  });

  it('is asked nowhere but on Linux', async () => {
    expect(await askedOf({ timedatectl: 'yes' }, 'darwin')).toBe(null);
  });

  it('is yes where systemd-timesyncd left its file', async () => {
    const file = join(temporaryFolder(), 'synchronized');
    writeFileSync(file, '');
    expect(await isClockSynchronised({ PATH: '' }, { platform: 'linux', timesyncFile: file })).toBe(true);
  });

  it('is not waited for longer than a moment', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'timedatectl'), '#!/bin/sh\nexec /bin/sleep 60\n', { mode: 0o755 });
    const env = { PATH: folder };
    expect(await isClockSynchronised(env, { platform: 'linux', timesyncFile: join(folder, 'none') })).toBe(null);
  }, 5000);
});

describe('the clock', () => {
  it('is good where it is synchronised, and not checked where nothing knows', () => {
    expect(clockCheck(NOW_MS, true)).toMatchObject({ state: 'good', hint: null });
    expect(clockCheck(NOW_MS, null)).toMatchObject({ state: 'not-checked', code: null });
  });

  it('is bad where it is not synchronised, or says a time before cclink was made', () => {
    expect(clockCheck(NOW_MS, false)).toMatchObject({ state: 'bad', code: 'refused' });
    expect(clockCheck(0, null)).toMatchObject({
      state: 'bad',
      message: 'The clock is wrong: it says 1970-01-01T00:00:00Z.',
    });
  });
});
