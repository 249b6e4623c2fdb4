import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareLineage, Lineage } from '../../../src/travel/transcript/lineage.ts';
import { Links } from '../../../src/travel/transcript/links.ts';

/** Said is each letter; `|x` is where what was said up to `x` was compacted. */
function lineage(...said: readonly string[]): Lineage {
  const links = new Links();
  const made = new Lineage(links);
  let before: string | null = null;
  for (const each of said) {
    if (each.startsWith('|')) made.compact(each.slice(1) || null);
    else {
      links.keep(each, before);
      made.say(each);
      before = each;
    }
  }
  return made;
}

describe('two copies of a session', () => {
  it.each([
    ['are the same', ['a', 'b'], ['a', 'b'], 'same'],
    ['are the same if both are empty', [], [], 'same'],
    ['are the same where the end of one was appended again', ['a', 'b', 'a', 'b'], ['a', 'b'], 'same'],
    ['differ by what was said there since', ['a', 'b'], ['a', 'b', 'c'], 'here is older'],
    ['differ by what was said here since', ['a', 'b', 'c'], ['a', 'b'], 'here is newer'],
    ['are apart if both went on', ['a', 'b', 'c'], ['a', 'b', 'd'], 'apart'],
    ['are apart if they have nothing in common', ['a'], ['b'], 'apart'],
    ['are apart if something in the middle is missing', ['a', 'x', 'b'], ['a', 'b', 'c'], 'apart'],
    ['are apart if the order is another', ['a', 'b', 'c'], ['b', 'a', 'c', 'd'], 'apart'],
    ['differ by one that says something at all', [], ['a'], 'here is older'],
  ] as const)('%s', (_, here, there, relation) => {
    expect(compareLineage(lineage(...here), lineage(...there))).toBe(relation);
  });

  it.each([
    ['removed what it had compacted', ['a', 'b', 'c'], ['|c', 's', 'd'], 'here is older'],
    ['compacted and went on', ['a', 'b', 'c'], ['a', 'b', 'c', '|c', 's', 'd'], 'here is older'],
    ['kept some of what it had compacted', ['a', 'b', 'c'], ['b', '|c', 's', 'd'], 'here is older'],
    ['compacted after the other had gone on', ['a', 'b', 'c', 'x'], ['|c', 's', 'd'], 'apart'],
    ['compacted, and so did the other', ['a', '|a', 's', 'd'], ['a', '|a', 't', 'e'], 'apart'],
    ['is the newer one', ['|c', 's', 'd'], ['a', 'b', 'c'], 'here is newer'],
    ['compacted twice', ['a', 'b'], ['|b', 's', 'c', '|c', 't'], 'here is older'],
    ['compacted another conversation', ['a', 'b'], ['|z', 's'], 'apart'],
  ] as const)('one of which %s', (_, here, there, relation) => {
    expect(compareLineage(lineage(...here), lineage(...there))).toBe(relation);
  });

  it('see the same from either side', () => {
    const said = fc.array(fc.constantFrom('a', 'b', 'c', 'd', '|a', '|c', '|'), { maxLength: 8 });
    const other = { same: 'same', apart: 'apart', 'here is older': 'here is newer', 'here is newer': 'here is older' };
    fc.assert(
      fc.property(said, said, (here, there) => {
        const relation = compareLineage(lineage(...here), lineage(...there));
        expect(compareLineage(lineage(...there), lineage(...here))).toBe(other[relation]);
      }),
    );
  });
});
