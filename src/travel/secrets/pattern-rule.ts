import type { FoundSecret, SecretRule } from './secret-rule.ts';

/**
 * A rule that looks for `pattern` (with the flags `d` and `g`), whose group `value` is the secret, where
 * `isOne` says that it is one. Anchors and reach are those of the rule.
 */
export function patternRule(
  kind: string,
  anchors: readonly string[],
  reach: number,
  pattern: RegExp,
  isOne: (value: string, match: RegExpExecArray) => boolean = () => true,
): SecretRule {
  return {
    anchors,
    reach,
    *find(text: string): Iterable<FoundSecret> {
      for (const match of text.matchAll(pattern)) {
        const [start, end] = match.indices?.groups?.['value'] ?? [0, 0];
        if (end > start && isOne(text.slice(start, end), match)) yield { kind, start, end };
      }
    },
  };
}
