import { createHmac, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Argon2Parameters } from '../../src/crypto/argon2id.ts';
import { openWithPin, sealerFor } from '../../src/handoff/seal.ts';
import { encodeEnvelope, openEnvelope, parseEnvelope, sealSeed } from '../../src/identity/envelope.ts';
import { ageDecrypt, ageEncrypt, ageRecipients } from './age-program.ts';
import { argon2, isArgument } from './argon2-program.ts';
import { describePeer, missingPrograms } from './peer-programs.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
const PASSPHRASE = bytes('correct horse, größer');
const SEED = new Uint8Array(32).fill(0x2a);
const PAYLOAD = bytes('{"h":"laptop","p":"/home/alice/proj","s":"11111111-1111-4111-8111-111111111111"}');
const PIN_PARAMETERS: Argon2Parameters = { memoryKib: 65_536, iterations: 3, parallelism: 1 };

/** HKDF-SHA256 (RFC 5869) without a salt, 32 bytes: extract, then the first block of expand. */
function hkdfByHand(ikm: Uint8Array, info: string): Buffer {
  const key = createHmac('sha256', new Uint8Array(32)).update(ikm).digest();
  return createHmac('sha256', key).update(info).update(Uint8Array.of(1)).digest();
}

/** Makes something with a random salt, until `argon2` can take that salt as an argument. */
async function withSalt<T>(make: () => Promise<T>, saltOf: (made: T) => Uint8Array): Promise<T> {
  for (;;) {
    const made = await make();
    if (isArgument(saltOf(made))) return made;
  }
}

describePeer('argon2 and age together', missingPrograms('argon2', 'age', 'age-keygen'), () => {
  it.each<Argon2Parameters | undefined>([
    undefined,
    { memoryKib: 8, iterations: 1, parallelism: 1 },
    { memoryKib: 100, iterations: 2, parallelism: 4 },
  ])('open an encrypted key that we wrote with the parameters %j', async (parameters) => {
    const envelope = await withSalt(
      () => sealSeed(SEED, PASSPHRASE, parameters),
      ({ salt }) => salt,
    );
    const file = Buffer.from(encodeEnvelope(envelope));
    expect(file.toString('latin1', 0, 9)).toBe('CCLINKEK\x01');
    const [memoryKib, iterations, parallelism] = [9, 13, 17].map((offset) => file.readUInt32BE(offset)) as [
      number,
      number,
      number,
    ];
    const stretched = await argon2(PASSPHRASE, file.subarray(21, 53), { memoryKib, iterations, parallelism });
    const opened = await ageDecrypt(hkdfByHand(stretched, 'cclink-key-v1'), file.subarray(53));
    expect(opened).toEqual(Buffer.from(SEED));
  });

  it('make an encrypted key that we open with its passphrase and with no other', async () => {
    const salt = bytes('a salt of 32 printable letters..');
    const stretched = await argon2(PASSPHRASE, salt, { memoryKib: 1000, iterations: 2, parallelism: 4 });
    const ciphertext = await ageEncrypt(await ageRecipients([hkdfByHand(stretched, 'cclink-key-v1')]), SEED);
    const header = Buffer.concat([bytes('CCLINKEK\x01'), Buffer.from('000003e80000000200000004', 'hex'), salt]);
    const envelope = parseEnvelope(Buffer.concat([header, ciphertext]));
    expect(await openEnvelope(envelope, PASSPHRASE)).toEqual(SEED);
    expect(await openEnvelope(envelope, bytes('wrong'))).toBeNull();
  });

  it('open a handoff that we sealed with a PIN', async () => {
    const pin = bytes('twelve small ducks');
    const sealer = await withSalt(
      () => sealerFor({ mode: 'pin', pin }, SEED),
      ({ pinSalt }) => pinSalt as Uint8Array,
    );
    expect(sealer.pinSalt).toHaveLength(32);
    const stretched = await argon2(pin, sealer.pinSalt as Uint8Array, PIN_PARAMETERS);
    const opened = await ageDecrypt(hkdfByHand(stretched, 'cclink-pin-v1'), await sealer.seal(PAYLOAD));
    expect(opened).toEqual(Buffer.from(PAYLOAD));
  });

  it('seal a handoff with a PIN, which we open with that PIN and with no other', async () => {
    const pin = bytes('twelve small ducks');
    const salt = randomBytes(32).map((byte) => byte | 0x80);
    const key = hkdfByHand(await argon2(pin, salt, PIN_PARAMETERS), 'cclink-pin-v1');
    const sealed = await ageEncrypt(await ageRecipients([key]), PAYLOAD);
    expect(await openWithPin(sealed, salt, pin)).toEqual(PAYLOAD);
    expect(await openWithPin(sealed, salt, bytes('twelve small duck'))).toBeNull();
  });
});
