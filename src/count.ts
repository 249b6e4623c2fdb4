/** `1 file`, `1,154 files`: a number of things as people read it. `name` is that of one. */
export function countOf(count: number, name: string): string {
  return `${count.toLocaleString('en')} ${name}${count === 1 ? '' : 's'}`;
}
