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
  { flags: '--into <dir>', description: 'the directory for the session; made if need be' },
  { flags: '--map <old=new>', description: 'rewrite another path too; may be repeated', repeats: true },
  { flags: '--as-new', description: 'bring it in as a second session, beside the one that is here' },
  { flags: '--from <key>', description: 'the key that must have signed it, if not your own' },
];
