import { Failure, type FailureCode } from '../failure.ts';

/** One thing that was looked at, and how it is. */
export interface Check {
  /** What scripts know it by: `key`, `udp`. */
  readonly id: string;
  readonly state: 'good' | 'bad' | 'not-checked';
  /** What a command would fail with because of it; null unless it is bad. */
  readonly code: FailureCode | null;
  /** A sentence that says how it is. */
  readonly message: string;
  /** What to do, or why it was not checked; null where there is nothing to do. */
  readonly hint: string | null;
}

export function good(id: string, message: string): Check {
  return { id, state: 'good', code: null, message, hint: null };
}

export function bad(id: string, { code, message, hint }: Pick<Failure, 'code' | 'message' | 'hint'>): Check {
  return { id, state: 'bad', code, message, hint: hint ?? null };
}

export function notChecked(id: string, message: string, hint: string | null = null): Check {
  return { id, state: 'not-checked', code: null, message, hint };
}

/** What `look` finds; what it throws as a `Failure` is what is bad. */
export function checked(id: string, look: () => Check): Check {
  try {
    return look();
  } catch (error) {
    if (error instanceof Failure) return bad(id, error);
    throw error;
  }
}
