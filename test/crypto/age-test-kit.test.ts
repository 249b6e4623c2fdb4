import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { bech32 } from '@scure/base';
import * as kit from 'cctv-age';
import { expect, it } from 'vitest';
import { AgeFileDefect, type AgeKeys, openStream } from '../../src/crypto/age-file.ts';
import { Failure } from '../../src/failure.ts';
import { chunked } from '../support/chunks.ts';

/** One vector of age's test kit (C2SP/CCTV): what opens a file, and what comes of it. */
interface Vector {
  readonly name: string;
  readonly expected: string;
  /** SHA-256 in hex of all that may be told before it fails. */
  readonly payload: string | undefined;
  readonly secrets: readonly Uint8Array[];
  readonly passphrases: readonly string[];
  readonly file: Buffer;
}

function readVector(name: string, bytes: Uint8Array): Vector | null {
  const all = Buffer.from(bytes);
  const end = all.indexOf('\n\n');
  const facts = all
    .toString('latin1', 0, end)
    .split('\n')
    .map((line) => line.split(': ', 2) as [string, string]);
  const valuesOf = (key: string) => facts.filter(([name]) => name === key).map(([, value]) => value);
  const identities = valuesOf('identity');
  // Neither armor nor post-quantum keys are for cclink.
  if (valuesOf('armored').length > 0 || identities.some((identity) => identity.includes('-PQ-'))) return null;
  const file = all.subarray(end + 2);
  return {
    name,
    expected: valuesOf('expect')[0] ?? '',
    payload: valuesOf('payload')[0],
    secrets: identities.map((identity) => bech32.decodeToBytes(identity).bytes),
    passphrases: valuesOf('passphrase'),
    file: valuesOf('compressed').length > 0 ? inflateSync(file) : file,
  };
}

const vectors = Object.entries(kit as Record<string, Uint8Array>)
  .map(([name, bytes]) => readVector(name, bytes))
  .filter((vector) => vector !== null);

/** What the file gives, as SHA-256 in hex and in bytes, and how it ends. */
async function open(vector: Vector, ...sizes: readonly number[]) {
  const keys: AgeKeys = {
    secrets: async () => vector.secrets.map((secret) => Uint8Array.from(secret)),
    passphrase: async () => Buffer.from(vector.passphrases[0] ?? ''),
  };
  const hash = createHash('sha256');
  let bytes = 0;
  let error: unknown = null;
  try {
    for await (const chunk of openStream(chunked(vector.file, ...sizes), keys)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (thrown) {
    error = thrown;
  }
  return { payload: hash.digest('hex'), bytes, error };
}

it('takes part in the whole test kit', () => {
  expect(vectors).toHaveLength(92);
});

it.each(vectors)('does as age’s test kit says: $name ($expected)', async (vector) => {
  for (const sizes of [[vector.file.length], vector.file.length > 10_000 ? [1000, 65_552] : [1]]) {
    const { payload, bytes, error } = await open(vector, ...sizes);
    if (vector.expected === 'success') expect(error).toBeNull();
    else if (vector.expected === 'no match') expect(error).toMatchObject({ code: 'cannot-open' });
    else if (/work_factor_(23|overflow)$/.test(vector.name)) expect(error).toMatchObject({ code: 'refused' });
    else expect(error).toBeInstanceOf(AgeFileDefect);
    if (error !== null) expect(error).toBeInstanceOf(Failure);
    // A chunk that is not the last although nothing follows, or the other way round, is told by `age` before
    // it fails, and by us not at all.
    if (error === null) expect(payload).toBe(vector.payload);
    else if (payload !== vector.payload) expect(bytes % 65_536).toBe(0);
  }
});
