import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { ageRecipient, openWith, SEALED_OVERHEAD, sealTo } from '../../src/crypto/age.ts';
import { x25519PublicOf, x25519PublicOfSecret, x25519SecretOf } from '../../src/crypto/x25519.ts';
import { openWithSeed, sealerFor } from '../../src/handoff/seal.ts';
import { identityOf } from '../../src/identity/unlock.ts';
import { fromHex } from '../support/vectors.ts';
import keys from '../vectors/keys.json' with { type: 'json' };
import { ageDecrypt, ageEncrypt, ageRecipients } from './age-program.ts';
import { describePeer, missingPrograms } from './peer-programs.ts';

const SECRET = new Uint8Array(32).fill(7);
const RECIPIENT = ageRecipient(x25519PublicOfSecret(SECRET));
const STRANGER = new Uint8Array(32).fill(8);
const PAYLOAD = Buffer.from('{"h":"büro","p":"/home/alice/proj","s":"11111111-1111-4111-8111-111111111111"}');

/** A recipient of another kind: an Ed25519 SSH key. */
function sshRecipient(publicKey: Uint8Array): string {
  const type = Buffer.from('ssh-ed25519');
  const parts = [type, publicKey].flatMap((part) => [Buffer.from([0, 0, 0, part.length]), part]);
  return `${type} ${Buffer.concat(parts).toString('base64')}`;
}

describePeer('age', missingPrograms('age', 'age-keygen'), () => {
  it('derives the recipients that we derive, from seeds of Rust and random ones', async () => {
    const seeds = [
      ...keys.map(({ seed_hex }) => fromHex(seed_hex)),
      ...Array.from({ length: 50 }, () => randomBytes(32)),
    ];
    const secrets = seeds.map(x25519SecretOf);
    const ofSecrets = secrets.map((secret) => ageRecipient(x25519PublicOfSecret(secret)));
    expect(await ageRecipients(secrets)).toEqual(ofSecrets);
    // For other people's keys there is only the public key to derive it from.
    const ofPublicKeys = await Promise.all(seeds.map((seed) => x25519PublicOf(identityOf(seed).publicKey)));
    expect(ofPublicKeys.map(ageRecipient)).toEqual(ofSecrets);
  });

  it.each([0, 1, 500, 65_536, 65_537])('opens what we sealed, a text of %i bytes', async (length) => {
    const plaintext = randomBytes(length);
    const sealed = await sealTo(x25519PublicOfSecret(SECRET), plaintext);
    expect((await ageDecrypt(SECRET, sealed)).equals(plaintext)).toBe(true);
  });

  it('opens a handoff that was sealed for oneself, and one for somebody of whom only the public key is known', async () => {
    const own = identityOf(randomBytes(32));
    const other = identityOf(randomBytes(32));
    const forSelf = await (await sealerFor({ mode: 'self' }, own.seed)).seal(PAYLOAD);
    expect(await ageDecrypt(x25519SecretOf(own.seed), forSelf)).toEqual(PAYLOAD);
    const { publicKey } = other;
    const shared = await (await sealerFor({ mode: 'share', publicKey }, own.seed)).seal(PAYLOAD);
    expect(await ageDecrypt(x25519SecretOf(other.seed), shared)).toEqual(PAYLOAD);
    await expect(ageDecrypt(x25519SecretOf(own.seed), shared)).rejects.toThrow('no identity matched');
  });

  it('refuses what we sealed where one byte of it was changed', async () => {
    const sealed = await sealTo(x25519PublicOfSecret(SECRET), PAYLOAD);
    sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
    await expect(ageDecrypt(SECRET, sealed)).rejects.toThrow();
  });

  it.each([0, 1, 500, 16_000])('encrypts a text of %i bytes that we open', async (length) => {
    const plaintext = randomBytes(length);
    const sealed = await ageEncrypt([RECIPIENT], plaintext);
    expect(sealed).toHaveLength(length + SEALED_OVERHEAD);
    expect(await openWith(SECRET, sealed)).toEqual(Uint8Array.from(plaintext));
    expect(await openWith(STRANGER, sealed)).toBeNull();
  });

  it('encrypts for several recipients of different kinds, and we open it as one of them', async () => {
    const { publicKey } = identityOf(STRANGER);
    const recipients = [sshRecipient(publicKey), ageRecipient(x25519PublicOfSecret(STRANGER)), RECIPIENT];
    const sealed = await ageEncrypt(recipients, PAYLOAD);
    expect(sealed.toString('latin1')).toContain('-> ssh-ed25519 ');
    expect(await openWith(SECRET, sealed)).toEqual(Uint8Array.from(PAYLOAD));
    expect(await openWith(randomBytes(32), sealed)).toBeNull();
  });

  it('encrypts for the recipient of an Ed25519 key, and its seed opens it', async () => {
    const { seed, publicKey } = identityOf(randomBytes(32));
    const sealed = await ageEncrypt([ageRecipient(await x25519PublicOf(publicKey))], PAYLOAD);
    expect(await openWithSeed(sealed, seed)).toEqual(Uint8Array.from(PAYLOAD));
  });
});
