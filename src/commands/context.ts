import type { Environment } from '../environment.ts';
import type { Output } from '../terminal/output.ts';
import type { Questions } from '../terminal/questions.ts';

/** What every command is given: its surroundings, a way to speak, a way to ask. */
export interface Context {
  readonly environment: Environment;
  readonly output: Output;
  readonly questions: Questions;
  /** `--yes`: questions of convenience are answered with yes. */
  readonly yes: boolean;
  /** The most time for the network, in milliseconds. */
  readonly timeoutMs: number;
}

/** The clock, in Unix seconds. */
export const unixNow = (): bigint => BigInt(Math.floor(Date.now() / 1000));
