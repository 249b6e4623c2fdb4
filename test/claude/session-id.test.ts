import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSessionId, parseSessionId } from '../../src/claude/session-id.ts';
import { Failure } from '../../src/failure.ts';

const ID = '0123abcd-89ef-4abc-8def-0123456789ab';

const refused = (text: string) => {
  try {
    parseSessionId(text);
  } catch (error) {
    return error instanceof Failure && error.code === 'usage';
  }
  return false;
};

describe('a session id', () => {
  it('is a UUID in lower case', () => {
    expect(isSessionId(ID)).toBe(true);
    for (const other of [ID.toUpperCase(), `${ID}\n`, ` ${ID}`, ID.slice(1), ID.replaceAll('-', ''), `{${ID}}`, '']) {
      expect(isSessionId(other), other).toBe(false);
    }
  });

  it('is lowered when a person gives it in upper case', () => {
    expect(parseSessionId(ID.toUpperCase())).toBe(ID);
  });

  it('may be given by any beginning of 8 or more characters', () => {
    for (let length = 8; length <= 36; length++) expect(parseSessionId(ID.slice(0, length))).toBe(ID.slice(0, length));
    for (let length = 0; length < 8; length++) expect(refused(ID.slice(0, length))).toBe(true);
  });

  it('is refused where a dash or a digit is out of its place', () => {
    for (const text of [
      '0123abcd89ef',
      '0123-abcd',
      `${ID}0`,
      '--resume-',
      '0123abcg',
      '../../../etc',
      `${ID.slice(0, 8)}\n`,
    ]) {
      expect(refused(text), text).toBe(true);
    }
  });

  it('is a beginning of a UUID, or refused as wrong usage, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'0aF-') })), (text) => {
        if (refused(text)) return;
        const id = parseSessionId(text);
        expect(isSessionId(id + ID.slice(id.length))).toBe(true);
        expect(id).toBe(text.toLowerCase());
      }),
    );
  });
});
