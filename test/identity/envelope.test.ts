import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure.ts';
import { type Envelope, encodeEnvelope, openEnvelope, parseEnvelope, sealSeed } from '../../src/identity/envelope.ts';
import { damageOf, holdsEnvelope, looksLikeEnvelope, withoutTextMarks } from '../../src/identity/envelope-form.ts';
import { fromHex, readVectors } from '../support/vectors.ts';

interface EnvelopeVector {
  readonly name: string;
  readonly envelope_base64: string;
  readonly passphrase: string;
  readonly seed_hex?: string;
  readonly error?: boolean;
}

const vectors = readVectors<EnvelopeVector[]>('envelopes.json');
const CHEAP = { memoryKib: 8, iterations: 1, parallelism: 1 };
const SEED = new Uint8Array(32).fill(42);
const text = (passphrase: string) => new TextEncoder().encode(passphrase);
const bytesOf = (vector: EnvelopeVector) => Uint8Array.from(Buffer.from(vector.envelope_base64, 'base64'));
const cannotOpen = expect.objectContaining({ name: 'Failure', code: 'cannot-open' });

/** The bytes of a good envelope with other parameters in its header. */
async function withHeader(memoryKib: number, iterations: number, parallelism: number): Promise<Uint8Array> {
  const bytes = encodeEnvelope(await sealSeed(SEED, text('low-cost passphrase'), CHEAP));
  const view = new DataView(bytes.buffer);
  view.setUint32(9, memoryKib);
  view.setUint32(13, iterations);
  view.setUint32(17, parallelism);
  return bytes;
}

describe('envelopes that Rust wrote', () => {
  it.each(vectors.filter((vector) => vector.error !== true))('open: $name', async (vector) => {
    const envelope = parseEnvelope(bytesOf(vector));
    expect(await openEnvelope(envelope, text(vector.passphrase))).toEqual(fromHex(vector.seed_hex ?? ''));
    expect(encodeEnvelope(envelope)).toEqual(bytesOf(vector));
  });

  it.each(vectors.filter((vector) => vector.error === true))('are refused at once: $name', async (vector) => {
    const before = performance.now();
    const open = async () => openEnvelope(parseEnvelope(bytesOf(vector)), text(vector.passphrase));
    if (vector.name === 'wrong passphrase') expect(await open()).toBeNull();
    else await expect(open()).rejects.toEqual(cannotOpen);
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe('sealing a seed', () => {
  it('gives an envelope that opens with the passphrase, and with no other', async () => {
    const small = fc.record({
      memoryKib: fc.integer({ min: 32, max: 64 }),
      iterations: fc.integer({ min: 1, max: 3 }),
      parallelism: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
        small,
        async (seed, passphrase, parameters) => {
          const envelope = parseEnvelope(encodeEnvelope(await sealSeed(seed, text(passphrase), parameters)));
          expect(envelope.parameters).toEqual(parameters);
          expect(await openEnvelope(envelope, text(passphrase))).toEqual(seed);
          expect(await openEnvelope(envelope, text(`${passphrase} `))).toBeNull();
        },
      ),
      { numRuns: 20 },
    );
  });

  it('writes the header that Rust writes, and a fresh salt each time', async () => {
    const one = encodeEnvelope(await sealSeed(SEED, text('correct horse battery')));
    expect(Buffer.from(one.subarray(0, 21)).toString('hex')).toBe('43434c494e4b454b01000100000000000300000001');
    expect(one).toHaveLength(285);
    const salts = [await sealSeed(SEED, text('x'), CHEAP), await sealSeed(SEED, text('x'), CHEAP)].map(
      ({ salt }) => salt,
    );
    expect(salts[0]).not.toEqual(salts[1]);
  });
});

describe('the header, which is untrusted', () => {
  it.each([
    ['less memory than 8 KiB a lane', 15, 1, 2],
    ['no memory', 0, 1, 1],
    ['more memory than 1 GiB', 1024 * 1024 + 1, 1, 1],
    ['no iteration', 8, 0, 1],
    ['more than 64 iterations', 8, 65, 1],
    ['no lane', 8, 1, 0],
    ['more than 16 lanes', 17 * 8, 1, 17],
    ['1 GiB three times', 1024 * 1024, 3, 1],
    ['64 MiB 64 times', 65_536, 64, 1],
    ['the largest numbers', 0xffffffff, 0xffffffff, 0xffffffff],
  ])('is refused for %s', async (_, memoryKib, iterations, parallelism) => {
    const bytes = await withHeader(memoryKib, iterations, parallelism);
    const before = performance.now();
    expect(() => parseEnvelope(bytes)).toThrow(cannotOpen);
    expect(performance.now() - before).toBeLessThan(50);
  });

  it.each([
    ['8 KiB a lane', 128, 1, 16],
    ['64 iterations', 8, 64, 1],
    ['256 MiB twice', 256 * 1024, 2, 1],
  ])('may ask for %s', async (_, memoryKib, iterations, parallelism) => {
    const { parameters } = parseEnvelope(await withHeader(memoryKib, iterations, parallelism));
    expect(parameters).toEqual({ memoryKib, iterations, parallelism });
  });

  it('is bound by the same limits when we write', async () => {
    await expect(sealSeed(SEED, text('x'), { memoryKib: 8, iterations: 0, parallelism: 1 })).rejects.toEqual(
      cannotOpen,
    );
  });
});

describe('an envelope that was changed on its way', () => {
  const intact = bytesOf(vectors.find(({ name }) => name === 'default parameters 0') as EnvelopeVector);
  const latin1 = Buffer.from(intact).toString('latin1');
  const asBytes = (text: string) => Buffer.from(text, 'latin1');
  const utf16 = (text: string) => Buffer.from(text, 'utf16le');

  it.each([
    ['a terminal', 'line ends', asBytes(latin1.replaceAll('\n', '\r\n'))],
    ['an old Mac’s line ends', 'line ends', asBytes(latin1.replaceAll('\n', '\r'))],
    ['PowerShell, which takes it for UTF-8', 're-encoded', Buffer.from(Buffer.from(intact).toString('utf8'))],
    ['PowerShell, which takes it for Latin-1', 're-encoded', Buffer.from(latin1)],
    ['PowerShell, which writes ASCII', 're-encoded', asBytes(latin1.replace(/[\u0080-\u00ff]/g, '?'))],
    ['a line of seven bits', 're-encoded', intact.map((byte) => byte & 0x7f)],
    ['a shell variable', 're-encoded', asBytes(latin1.replaceAll('\0', ''))],
    ['the greeting of a shell', '9 bytes before it', asBytes(`Welcome!\n${latin1}`)],
    ['the farewell of a shell', '4 bytes behind it', asBytes(`${latin1}Bye!`)],
    ['a second newline', '2 bytes behind it', asBytes(`${latin1}\n\n`)],
    ['a pipe that broke off', 'lacks its last byte', intact.subarray(0, -1)],
    ['a disk that was full', 'lacks its last 60 bytes', intact.subarray(0, -60)],
    ['a header without its end', 'cut off', intact.subarray(0, 200)],
    ['hardly more than its beginning', 'cut off', intact.subarray(0, 30)],
    ['a cat of two files', 'there twice', Buffer.concat([intact, intact])],
  ])('is refused, and the message tells what %s has done', (_, says, bytes) => {
    expect(damageOf(bytes)).toContain(says);
    expect(holdsEnvelope(bytes)).toBe(true);
    if (looksLikeEnvelope(bytes)) expect(() => parseEnvelope(bytes)).toThrow(cannotOpen);
  });

  it('is known even as UTF-16, and without its beginning', () => {
    expect(damageOf(Buffer.concat([Buffer.from([0xff, 0xfe]), utf16(latin1)]))).toContain('UTF-16');
    expect(damageOf(intact.subarray(3))).toContain('beginning');
    expect(holdsEnvelope(utf16(latin1)) && holdsEnvelope(intact.subarray(3))).toBe(true);
    expect(holdsEnvelope(Buffer.from('an age file or a text'))).toBe(false);
  });

  it('is told from a whole one in every single length', () => {
    expect(damageOf(intact)).toBeNull();
    for (let length = 0; length < intact.length; length++) {
      expect(damageOf(intact.subarray(0, length)), `${length} bytes`).not.toBeNull();
      expect(damageOf(Buffer.concat([intact, intact.subarray(0, length + 1)])), `${length} more`).not.toBeNull();
    }
  });

  it('is whole again where a mark before it or a newline behind it is all', () => {
    for (const text of [`\u00ef\u00bb\u00bf${latin1}`, `${latin1}\n`, `${latin1}\r\n`, latin1]) {
      expect(Buffer.from(withoutTextMarks(asBytes(text))).toString('latin1')).toBe(latin1);
    }
    const damaged = asBytes(`${latin1.replaceAll('\n', '\r\n')}\n`);
    expect(withoutTextMarks(damaged)).toBe(damaged);
  });

  it('is never suspected if it is one of ours, or of Rust’s', async () => {
    for (const vector of vectors.filter(({ error }) => error !== true)) expect(damageOf(bytesOf(vector))).toBeNull();
    for (let n = 0; n < 50; n++) {
      expect(damageOf(encodeEnvelope(await sealSeed(SEED, text('passphrase'), CHEAP)))).toBeNull();
    }
  });
});

describe('anything else', () => {
  it('bytes that are no envelope are a failure, never a crash', () => {
    const magic = Buffer.from('CCLINKEK\u0001');
    fc.assert(
      fc.property(fc.boolean(), fc.uint8Array({ maxLength: 600 }), (started, rest) => {
        try {
          const envelope = parseEnvelope(started ? Buffer.concat([magic, rest]) : rest);
          expect(envelope.salt).toHaveLength(32);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
    );
  });

  it('more than 4096 bytes are no envelope', async () => {
    const bytes = await withHeader(8, 1, 1);
    expect(() => parseEnvelope(Buffer.concat([bytes, Buffer.alloc(4096)]))).toThrow(cannotOpen);
  });

  it('an envelope in the middle of a larger buffer is read from its own bytes', async () => {
    const bytes = await withHeader(8, 1, 1);
    const within = Buffer.concat([Buffer.from('xxx'), bytes]).subarray(3);
    expect(encodeEnvelope(parseEnvelope(within))).toEqual(bytes);
  });

  it('an empty passphrase is a wrong one', async () => {
    const envelope: Envelope = await sealSeed(SEED, text('x'), CHEAP);
    expect(await openEnvelope(envelope, text(''))).toBeNull();
  });
});
