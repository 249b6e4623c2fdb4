import type { FoundSecret, SecretRule } from './secret-rule.ts';

/**
 * A rule that looks for `pattern` (with the flags `d` and `g`), whose group `value` is the secret, where
 * `isOne` says that it is one. The others are those of the rule.
 */
export function patternRule(
  kind: string,
  anchors: readonly string[],
  reach: number,
  pattern: RegExp,
  isOne: (value: string, match: RegExpExecArray) => boolean = () => true,
  mayFollow?: SecretRule['mayFollow'],
): SecretRule {
  return {
    anchors,
    reach,
    ...(mayFollow && { mayFollow }),
    find(text: string): FoundSecret[] {
      const found: FoundSecret[] = [];
      // Not `matchAll`: it would copy the pattern for each of many short texts.
      pattern.lastIndex = 0;
      for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
        const [start, end] = match.indices?.groups?.['value'] ?? [0, 0];
        if (end > start && isOne(text.slice(start, end), match)) found.push({ kind, start, end });
        if (match[0] === '') pattern.lastIndex += 1;
      }
      return found;
    },
  };
}
