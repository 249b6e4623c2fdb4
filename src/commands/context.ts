import type { SessionPlaces } from '../claude/local-session.ts';
import { type Environment, workingDirectory } from '../environment.ts';
import { History } from '../handoff/history.ts';
import type { Output } from '../terminal/output.ts';
import type { Questions } from '../terminal/questions.ts';
import { sweepReplaced } from '../travel/arriving/replaced.ts';
import { sweepStaging } from '../travel/arriving/staging.ts';
import { KnownBundles } from '../travel/known-bundles.ts';

/** What every command is given. */
export interface Context {
  readonly environment: Environment;
  readonly output: Output;
  readonly questions: Questions;
  /** `--yes`: questions of convenience are answered with yes. */
  readonly yes: boolean;
  /** The most time for the network, in milliseconds. */
  readonly timeoutMs: number;
  /** True if that was typed: then it ends what else would be waited for, too. */
  readonly isTimeoutGiven: boolean;
}

/** Where sessions are looked for. */
export function placesOf({ environment }: Context): SessionPlaces {
  return { claudeFolder: environment.claudeFolder, workingDirectory: workingDirectory() };
}

/** What this machine remembers of the handoffs that it had to do with. */
export function openHistory({ environment, output }: Context): History {
  const onLoss = (path: string) =>
    output.warn(
      `what this machine remembered of a key is lost (${path}); the newest packet on the network counts now.`,
    );
  return new History(environment.stateFolder, { onLoss });
}

/** The bundles in folders that this machine wrote or took. */
export function openBundles({ environment }: Context): KnownBundles {
  return new KnownBundles(environment.stateFolder);
}

/**
 * Removes what imports left when they were killed, and what they replaced, if it need not be kept any longer.
 */
export function sweepLeftOvers({ environment }: Context): void {
  sweepStaging(environment.claudeFolder);
  sweepReplaced(environment.stateFolder, environment.claudeFolder, Date.now());
}

/** The clock, in Unix seconds. */
export const nowSeconds = (): bigint => BigInt(Math.floor(Date.now() / 1000));
