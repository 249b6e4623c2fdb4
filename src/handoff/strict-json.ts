/**
 * The members of a JSON object as raw JSON texts, by key.
 *
 * `JSON.parse` alone loses what a signed text depends on: the digits of large numbers, the difference between
 * `1` and `1.0`, and repeated keys. Returns null for anything but one well-formed object without repeated
 * keys.
 */
export function readTopLevel(text: string): Map<string, string> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;

  // The text is well-formed from here on, so splitting it at its commas and colons is enough.
  const members = new Map<string, string>();
  let key: string | null = null;
  let start = -1;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const end = endOfString(text, at);
      if (depth === 1 && key === null) {
        key = JSON.parse(text.slice(at, end)) as string;
        if (members.has(key)) return null;
      }
      at = end - 1;
    } else if (char === ':' && depth === 1) {
      start = at + 1;
    } else if ((char === ',' && depth === 1) || (char === '}' && depth === 1)) {
      if (key !== null) members.set(key, text.slice(start, at).trim());
      key = null;
      if (char === '}') depth--;
    } else if (char === '{' || char === '[') {
      depth++;
    } else if (char === '}' || char === ']') {
      depth--;
    }
  }
  return members;
}

/** The text of a raw JSON string; null if it is not a string, or holds half a surrogate pair. */
export function textOf(raw: string | undefined): string | null {
  if (!raw?.startsWith('"')) return null;
  const value = JSON.parse(raw) as string;
  return value.isWellFormed() ? value : null;
}

/** The index after the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}
