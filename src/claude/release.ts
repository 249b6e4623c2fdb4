/**
 * Compares two versions of Claude Code (`2.1.222`): negative if `a` is the older one, 0 if they are the same.
 * What is not three numbers counts as the oldest.
 */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  const at = left.findIndex((number, index) => number !== right[index]);
  return at === -1 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}

function numbersOf(version: string): readonly number[] {
  const match = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})$/.exec(version);
  return match === null ? [0, 0, 0] : match.slice(1).map(Number);
}
