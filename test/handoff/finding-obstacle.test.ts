import { describe, expect, it } from 'vitest';
import type { FoundBy } from '../../src/claude/resume-place.ts';
import { findingObstacle } from '../../src/handoff/obstacle.ts';
import type { FoundHandoff } from '../../src/handoff/reader.ts';

/** What keeps a `claude` of `version` from a session, which it asks for only where it must. */
async function obstacle(foundBy: FoundBy, version: string | null, isSpent = true) {
  const local = { foundBy, directory: '/data/proj', transcript: '/t.jsonl' };
  let asked = false;
  const ask = async () => {
    asked = true;
    return version;
  };
  const failure = await findingObstacle({ local } as FoundHandoff, isSpent, ask);
  return { code: failure?.code ?? null, message: failure?.message ?? '', asked };
}

describe('a claude that is to go on with a session', () => {
  it('finds it in the folder of its directory, whatever its version, which is not asked for', async () => {
    expect(await obstacle('every', '2.0.14')).toMatchObject({ code: null, asked: false });
  });

  it('finds it in the folder of another directory since 2.1.223, else it is said before anything is burnt', async () => {
    expect(await obstacle('since 2.1.223', '2.1.332')).toMatchObject({ code: null, asked: true });
    for (const isSpent of [true, false]) {
      const { code, message } = await obstacle('since 2.1.223', '2.1.222', isSpent);
      expect([code, message.includes('2.1.222'), message.includes('/data/proj')]).toEqual(['no-session', true, true]);
    }
  });

  it('is tried where its version is not known, unless there is one try only', async () => {
    expect((await obstacle('since 2.1.223', null, false)).code).toBe(null);
    expect((await obstacle('since 2.1.223', null, true)).code).toBe('no-session');
  });

  it('finds none that is in several folders of other directories, or behind a link', async () => {
    expect(await obstacle('none', '2.1.332', false)).toMatchObject({ code: 'no-session', asked: false });
  });
});
