import { describe, expect, it } from 'vitest';
import { pathRewrite } from '../../src/travel/paths/path-rewrite.ts';
import { rewriteJson } from '../../src/travel/rewrite-json.ts';

const ID = '11111111-1111-4111-8111-111111111111';
const NEW_ID = '22222222-2222-4222-8222-222222222222';
const rewrite = pathRewrite({ pairs: [{ from: '/home/a', to: '/srv/b' }], fromPlatform: 'linux', toPlatform: 'linux' });
const options = { strict: false, rewrite, newSessionId: { from: ID, to: NEW_ID } };

describe('a small JSON file of a session', () => {
  it('gets its paths and the new id of the session, and keeps the bytes of all else', () => {
    const json = Buffer.from(`{"big":1.0, "cwd":"/home/a/x","sessionId":"${ID}"}\n`);
    const expected = `{"big":1.0, "cwd":"/srv/b/x","sessionId":"${NEW_ID}"}\n`;
    expect(rewriteJson(json, options)?.toString()).toBe(expected);
  });

  it('is written anew if it is from somebody else', () => {
    const json = Buffer.from('{"a":1, "\\u0061":"/home/a"}\n');
    expect(rewriteJson(json, { ...options, strict: true })?.toString()).toBe('{"a":"/srv/b"}');
  });

  it('does not travel if it is no JSON object', () => {
    const texts = ['', '[]', 'null', '{', '{}{}', `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`];
    for (const text of texts) expect(rewriteJson(Buffer.from(text), { ...options, strict: true })).toBeNull();
  });
});
