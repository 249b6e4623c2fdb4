import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure.ts';
import { decodePayload, encodePayload, fitPayload } from '../../src/handoff/payload.ts';

const SESSION = '11111111-1111-4111-8111-111111111111';
const PAYLOAD = { host: 'laptop', project: '/home/alice/work/proj', session: SESSION };
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('the sealed payload', () => {
  it('is written with its three keys, always and in this order', () => {
    expect(text(encodePayload(PAYLOAD))).toBe(`{"h":"laptop","p":"/home/alice/work/proj","s":"${SESSION}"}`);
    expect(text(encodePayload({ host: '', project: '', session: SESSION }))).toBe(`{"h":"","p":"","s":"${SESSION}"}`);
  });

  it('reads back what was written', () => {
    const string = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(fc.record({ host: string, project: string, session: string }), (payload) => {
        expect(decodePayload(encodePayload(payload))).toEqual(payload);
      }),
    );
  });

  it('may have keys that nobody knows, in any order', () => {
    expect(decodePayload(Buffer.from('{"s":"2c3d","z":[1],"p":"/order","h":"other"}'))).toEqual({
      host: 'other',
      project: '/order',
      session: '2c3d',
    });
  });

  it('names a sealed session behind the three, by 16 bytes that any other reader ignores', () => {
    const t = Uint8Array.from({ length: 16 }, (_, i) => 250 + i);
    const written = encodePayload({ ...PAYLOAD, t });
    expect(text(written)).toBe(
      `{"h":"laptop","p":"/home/alice/work/proj","s":"${SESSION}","t":"-vv8_f7_AAECAwQFBgcICQ"}`,
    );
    expect(decodePayload(written)).toEqual({ ...PAYLOAD, t });
  });

  it.each([
    '-vv8_f7_AAECAwQFBgcICR',
    '+vv8/f7/AAECAwQFBgcICQ',
    '-vv8_f7_AAECAwQFBgcICQ==',
    '',
    'AAAA',
    16,
    null,
    ['x'],
  ])('names none by a t that is not 16 bytes in base64url: %j', (t) => {
    const payload = decodePayload(Buffer.from(JSON.stringify({ h: '', p: '', s: SESSION, t })));
    expect(payload).toEqual({ host: '', project: '', session: SESSION });
  });

  it('is a bare session id in old records', () => {
    expect(decodePayload(Buffer.from(SESSION))).toEqual({ host: '', project: '', session: SESSION });
    expect(decodePayload(Buffer.from('12345678'))).toEqual({ host: '', project: '', session: '12345678' });
  });

  it('is refused, and nothing worse happens, for any bytes at all', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((json) => Uint8Array.from(Buffer.from(json))),
        ),
        (bytes) => {
          try {
            expect(typeof decodePayload(bytes).session).toBe('string');
          } catch (error) {
            expect(error).toBeInstanceOf(Failure);
          }
        },
      ),
    );
  });
});

describe('a payload that does not fit', () => {
  const roomFor = (project: string, host = 'laptop') => encodePayload({ ...PAYLOAD, host, project }).length;

  it('loses parts of the project path from the left', () => {
    expect(fitPayload(PAYLOAD, roomFor(PAYLOAD.project)).project).toBe('/home/alice/work/proj');
    expect(fitPayload(PAYLOAD, roomFor(PAYLOAD.project) - 1).project).toBe('…/alice/work/proj');
    expect(fitPayload(PAYLOAD, roomFor('…/alice/work/proj') - 1).project).toBe('…/work/proj');
    expect(fitPayload(PAYLOAD, roomFor('…/work/proj') - 1).project).toBe('…/proj');
    expect(fitPayload({ ...PAYLOAD, project: 'C:\\Users\\alice\\proj' }, roomFor('…\\proj')).project).toBe('…\\proj');
  });

  it('then loses the path, then the host name, and never the session id', () => {
    expect(fitPayload(PAYLOAD, roomFor('…/proj') - 1)).toEqual({ ...PAYLOAD, project: '' });
    expect(fitPayload(PAYLOAD, roomFor('') - 1)).toEqual({ host: '', project: '', session: SESSION });
    expect(fitPayload(PAYLOAD, 0)).toEqual({ host: '', project: '', session: SESSION });
  });

  it('never loses what names its sealed session', () => {
    const whole = { ...PAYLOAD, t: new Uint8Array(16).fill(7) };
    expect(fitPayload(whole, 0)).toEqual({ ...whole, host: '', project: '' });
  });

  it('fits afterwards whenever the session id does, counted in escaped UTF-8 bytes', () => {
    const string = fc.string({ unit: 'grapheme', maxLength: 300 });
    const least = encodePayload({ host: '', project: '', session: SESSION }).length;
    fc.assert(
      fc.property(string, string, fc.integer({ min: least, max: 900 }), (host, path, room) => {
        const fitted = fitPayload({ host, project: `/${path}/x`, session: SESSION }, room);
        expect(encodePayload(fitted).length).toBeLessThanOrEqual(room);
        expect(fitted.session).toBe(SESSION);
      }),
    );
  });
});
