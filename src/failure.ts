/**
 * Every failure that a caller or a script can act on, and the exit code of each.
 *
 * The names appear as `error.code` with `--json`; both columns are part of the command line's contract.
 */
export const EXIT_CODES = {
  internal: 1,
  usage: 2,
  'not-found': 3,
  expired: 3,
  revoked: 3,
  'cannot-open': 4,
  refused: 5,
  network: 6,
  'no-session': 7,
  'no-claude': 7,
  'not-burnt': 8,
  'no-key': 9,
  'key-exists': 9,
  interrupted: 130,
} as const;

export type FailureCode = keyof typeof EXIT_CODES;

/**
 * A failure with a name: `message` is one sentence that says what happened, `hint` one that says what to do next.
 *
 * Neither may hold a secret. Text that a stranger wrote may be in them: whoever prints them makes it harmless.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly hint: string | undefined;
  /** Numbers that a script may want, beside the message; with `--json` they stand in the error. */
  readonly details: Readonly<Record<string, number>>;

  constructor(
    code: FailureCode,
    message: string,
    hint?: string,
    { details = {}, ...options }: ErrorOptions & { details?: Readonly<Record<string, number>> } = {},
  ) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
    this.hint = hint;
    this.details = details;
  }
}
