/** Words that stand where a secret would, in documentation, in samples, in what was masked already. */
const STAND_IN =
  /example|sample|placeholder|change_?me|redacted|masked|hidden|replace|insert|dummy|fake|your[-_.]?|my[-_]?(?:secret|pass|key|token)|xxxx|\*\*\*|\.\.\.|1234567|abcdef|todo|foobar|lorem|deadbeef|0000000|testtest|notasecret/i;
/** What is filled in later: `${NAME}`, `{{name}}`, `<name>`, `%NAME%`, `$NAME`, `$(command)`. */
const FILLED_IN_LATER =
  /\$[({]|^\$[A-Za-z_]|\$(?:[a-z][a-z_]{3,}|[A-Z][A-Z_]{3,}|[a-z]+(?:[A-Z][a-z]+)+)(?![A-Za-z0-9])|\{\{|\{[A-Za-z_.]*\}|^<|>$|%[A-Z_]{2,}%|%[sdv]\b|#\{/;

/** Longer is no placeholder, but may hold one of the words by chance. */
const LONGEST_STAND_IN = 100;

/** True if `value` only stands for a secret. */
export function standsForSecret(value: string): boolean {
  // AWS writes it into its examples of any length.
  if (value.includes('EXAMPLE')) return true;
  return value.length <= LONGEST_STAND_IN && (STAND_IN.test(value) || FILLED_IN_LATER.test(value));
}

/** True if `value` has that many different characters. */
export function isVaried(value: string, different = 6): boolean {
  return new Set(value).size >= different;
}

/** True if `token` ends as drawn ones do. A placeholder ends in `xxxxxxxx`, whatever it begins with. */
export function endsVaried(token: string): boolean {
  return isVaried(token.slice(-20), 5);
}

/** Shannon's entropy of the characters of `value`, in bits per character. */
function bitsPerCharacter(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}

/** Letters of both cases, mixed as in no name: neither words with capitals, nor abbreviations. */
function mixesCases(value: string): boolean {
  const capitals = value.match(/[A-Z]/g)?.length ?? 0;
  const changes = value.match(/[a-z](?=[A-Z])/g)?.length ?? 0;
  return value.length >= 14 && Math.abs(capitals / value.length - 0.5) <= 0.22 && changes >= value.length / 7;
}

/**
 * True if `value` looks as if a machine had drawn it: letters and digits mixed throughout, or letters of
 * both cases. Names, paths, words, numbers and versions do not.
 */
export function looksDrawn(value: string): boolean {
  if (mixesCases(value) && isVaried(value, 10)) return true;
  const changes = value.match(/[0-9](?=[A-Za-z])|[a-z](?=[0-9A-Z])|[A-Z](?=[0-9])|[A-Za-z0-9](?=[!@#$^&*?~])/g) ?? [];
  const leastBits = /^[0-9a-f]+$/i.test(value) ? 2.9 : 3.3;
  return (
    /[0-9]/.test(value) &&
    /[A-Za-z]/.test(value) &&
    // Drawn text changes between kinds of characters every two or three; words and numbers do not.
    changes.length > value.length / 6 &&
    bitsPerCharacter(value) >= Math.min(leastBits, Math.log2(value.length) - 0.9)
  );
}

/** Passwords that everybody has on a machine of their own, and in documentation. */
const EVERYBODYS =
  /^(?:(?:\w+[_-])?p[a@]ss(?:wd|w[o0]rd|phrase)?[\d!]{0,4}|pwd?|secret|user(?:name)?|root|admin|test(?:ing)?|guest|postgres|mysql|redis|mongo|rabbitmq|minio|minioadmin|tiger|hello|open sesame|token|key|api_?key|foo|bar|baz|abc|xyz|qux|me|you|some\w*|\d{1,5}|(.)\1*)$/i;

/** True if `password` protects nothing: everybody knows it. */
export const isEverybodys = (password: string): boolean => EVERYBODYS.test(password);
