/** Where a rule found a secret: the value alone, without what gave it away, as offsets into the text. */
export interface FoundSecret {
  /** What it is, in words for a person, singular: `GitHub token`. */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/** One way to find secrets of one or several kinds. Rules hold no state: they may run on any text. */
export interface SecretRule {
  /**
   * Texts of ASCII in lower case: where none of them stands in a text, in whatever case, the rule finds
   * nothing there and need not run. Empty: it always runs.
   */
  readonly anchors: readonly string[];
  /**
   * A secret, and all that the rule looks at to tell it, begins at most so many bytes before an anchor, and
   * ends at most so many behind it: the rule only sees what is that near. `LONGEST_SECRET` if not given.
   */
  readonly reach?: number;
  /**
   * False if there can be no secret at the anchor that ends at `end`, by what follows it in flat text: the
   * rule need not run for this one. For words that are common in any text.
   */
  readonly mayFollow?: (flat: Buffer, end: number) => boolean;
  /**
   * The secrets in a flat text, decoded as latin1. Bytes above 0x7f count as nothing that could belong to a
   * word. Takes time linear in the text's length, whatever stands there.
   */
  find(text: string): Iterable<FoundSecret> | Promise<Iterable<FoundSecret>>;
}

/** The longest text, in bytes, that a rule may have to see at once to find a secret: a private key. */
export const LONGEST_SECRET = 16_384;
