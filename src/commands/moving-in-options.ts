import type { OptionDeclaration } from './declaration.ts';

/** Where and as what a session is to live here, and whose it must be, as typed. */
export interface MovingInOptions {
  readonly into?: string;
  readonly map?: readonly string[];
  readonly asNew?: boolean;
  readonly from?: string;
}

/** The options of commands that bring a session in. */
export const MOVING_IN_OPTIONS: readonly OptionDeclaration[] = [
  { flags: '--into <dir>', description: 'the directory that it is to live in' },
  { flags: '--map <old=new>', description: 'rewrite another path; may be repeated', repeats: true },
  { flags: '--as-new', description: 'as a second session, beside the one that is here' },
  { flags: '--from <key>', description: 'whose it must be, if it is not your own' },
];
