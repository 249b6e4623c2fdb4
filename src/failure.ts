/**
 * Every failure that a caller or a script can act on, with its exit code.
 *
 * With `--json` the name is `error.code`. Scripts rely on names and numbers: neither may change.
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
 * A failure with a name. `message` is a sentence that says what happened, `hint` says what to do next.
 *
 * Neither may hold a secret. They may hold text that a stranger wrote, so they must be made printable before
 * they are shown.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly hint: string | undefined;
  /** Numbers for scripts; with `--json` they are printed in the error. */
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
