import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { Failure } from '../failure.ts';
import { bad, type Check, good, notChecked } from './check.ts';

/** systemd-timesyncd keeps this file once it has set the clock. */
const TIMESYNC_FILE = '/run/systemd/timesync/synchronized';
/** Programs that know whether the clock is synchronised, and what they print if it is, and if it is not. */
const SOURCES = [
  { program: 'timedatectl', args: ['show', '-p', 'NTPSynchronized', '--value'], yes: /^yes$/m, no: /^no$/m },
  { program: 'chronyc', args: ['-n', 'tracking'], yes: /^Leap status +: (?!Not)/m, no: /^Leap status +: Not/m },
  { program: 'adjtimex', args: [], yes: /\(clock synchronized\)/, no: /\(clock not synchronized\)/ },
] as const;
/** How long one of them may take, in milliseconds. */
const LONGEST_MS = 1500;
/** A clock before this was never set: cclink is younger. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);

/**
 * Whether the system says that its clock is synchronised; null if nothing here knows. Asks nobody on the
 * network. `env` is the environment of the programs that are asked; the rest is for tests.
 */
export async function isClockSynchronised(
  env: NodeJS.ProcessEnv,
  { platform = process.platform, timesyncFile = TIMESYNC_FILE } = {},
): Promise<boolean | null> {
  if (platform !== 'linux') return null;
  if (existsSync(timesyncFile)) return true;
  for (const { program, args, yes, no } of SOURCES) {
    const output = await outputOf(program, args, env);
    if (yes.test(output)) return true;
    if (no.test(output)) return false;
  }
  return null;
}

async function outputOf(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const running = promisify(execFile)(program, args, { env, timeout: LONGEST_MS, killSignal: 'SIGKILL' });
  running.child.stdin?.end();
  return running.then(
    ({ stdout }) => stdout,
    () => '',
  );
}

/** How the clock is, in Unix milliseconds, and what the system says of it. */
export function clockCheck(nowMs: number, isSynchronised: boolean | null): Check {
  const time = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const wrong = (message: string) =>
    bad(
      'clock',
      new Failure(
        'refused',
        message,
        'Turn on time synchronisation (`sudo timedatectl set-ntp true`): with a wrong clock others refuse your handoffs.',
      ),
    );
  if (nowMs < EARLIEST_MS) return wrong(`The clock is wrong: it says ${time}.`);
  if (isSynchronised === false) return wrong(`The clock says ${time}, but is not synchronised.`);
  return isSynchronised
    ? good('clock', `The clock is synchronised: ${time}.`)
    : notChecked('clock', `The clock says ${time}; nothing here knows whether that is right.`);
}
