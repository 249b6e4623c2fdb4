/** A value that is known to be secret, and what it is, in words for a person. */
export interface KnownValue {
  readonly kind: string;
  readonly value: string;
}

/**
 * The secrets that this machine knows of: of `variables`, by their names, and of the `.env` files in
 * `directory` and `gitRoot`. Files that can't be read count for nothing.
 */
export function knownValues(_places: {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly directory: string | null;
  readonly gitRoot: string | null;
}): KnownValue[] {
  return [];
}
