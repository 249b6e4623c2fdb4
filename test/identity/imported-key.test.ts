import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { Failure } from '../../src/failure.ts';
import { parseImportedKey } from '../../src/identity/imported-key.ts';
import { encodePublicKey, readPublicKey } from '../../src/identity/public-key.ts';
import { openRecoveryFile, parseRecoveryFile, type RecoveryFile } from '../../src/identity/recovery-file.ts';
import { fromHex, readVectors } from '../support/vectors.ts';

interface RecoveryVector {
  readonly seed_hex: string;
  readonly public_key: string;
  readonly passphrase: string;
  readonly file_base64: string;
}

const recoveryFiles = readVectors<RecoveryVector[]>('recovery-files.json');
const bytesOf = ({ file_base64 }: RecoveryVector) => Uint8Array.from(Buffer.from(file_base64, 'base64'));
const fileOf = (vector: RecoveryVector) => parseRecoveryFile(bytesOf(vector)) as RecoveryFile;

/** A phrase of the test vectors of BIP 39, and the first half of its seed without a passphrase. */
const PHRASE = `${'abandon '.repeat(11)}about`;
const OF_PHRASE = '5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1';
/** The link that is in the tests of pubky-core, and its key. */
const LINK = 'pubkyring://secret_export?secret=kqnceEMgrNQM_xi06oQXjA3cJHX_RQmw1BY6JE1bse8';
const OF_LINK = '92a9dc784320acd40cff18b4ea84178c0ddc2475ff4509b0d4163a244d5bb1ef';

const imported = (text: string) => parseImportedKey(Buffer.from(text, 'latin1'), 'Standard input');
const plain = (hex: string) => ({ kind: 'plain', seed: fromHex(hex) });

describe('a recovery file that npm @synonymdev/pubky wrote', () => {
  it.each(recoveryFiles)('opens with its passphrase, and with no other ($passphrase)', async (vector) => {
    const seed = await openRecoveryFile(fileOf(vector), Buffer.from(vector.passphrase));
    expect(seed).toEqual(fromHex(vector.seed_hex));
    expect(`pubky${encodePublicKey(publicKeyOf(seed ?? new Uint8Array()))}`).toBe(vector.public_key);
    expect(readPublicKey(vector.public_key)).toEqual(publicKeyOf(fromHex(vector.seed_hex)));
    expect(await openRecoveryFile(fileOf(vector), Buffer.from(`${vector.passphrase} `))).toBeNull();
    expect(await openRecoveryFile(fileOf(vector), new Uint8Array())).toBeNull();
  });

  it('is told from a key, unopened', async () => {
    for (const vector of recoveryFiles) {
      expect(await parseImportedKey(bytesOf(vector), 'x')).toEqual({ kind: 'recovery file', file: fileOf(vector) });
    }
  });

  it('may say pkarr.org in its first line, as older ones do', () => {
    const [vector] = recoveryFiles as [RecoveryVector];
    const older = Buffer.from(bytesOf(vector));
    older.write('pkarr');
    expect(parseRecoveryFile(older)).toEqual(fileOf(vector));
  });

  it('is refused if it is cut off, or was taken for text', () => {
    for (const vector of recoveryFiles) {
      const bytes = Buffer.from(bytesOf(vector));
      const latin1 = bytes.toString('latin1');
      for (const damaged of [
        bytes.subarray(0, -1),
        bytes.subarray(0, 18),
        Buffer.concat([bytes, Buffer.from('Bye!')]),
        Buffer.from(latin1.replaceAll('\n', '\r\n'), 'latin1'),
        Buffer.from(bytes.toString('utf8')),
      ]) {
        expect(() => parseRecoveryFile(damaged)).toThrow(expect.objectContaining({ code: 'cannot-open' }));
      }
    }
  });
});

describe('a secret key as Pubky Ring gives it', () => {
  it.each([
    ['twelve words', PHRASE],
    ['words in capitals, with a newline', `${PHRASE.toUpperCase()}\r\n`],
    ['words with dashes', PHRASE.replaceAll(' ', '-')],
    ['words on several lines', PHRASE.replaceAll(' ', '\n  ')],
    ['words in a link of its migration', `pubkyring://migrate?index=0&total=1&key=${encodeURIComponent(PHRASE)}`],
  ])('may be a recovery phrase: %s', async (_, text) => expect(await imported(text)).toEqual(plain(OF_PHRASE)));

  it.each([
    ['a link that exports it', LINK],
    ['the same of another app', LINK.replace('ring', 'auth')],
    ['hex in a link of its migration', `pubkyring://migrate?index=0&total=2&key=${OF_LINK}`],
    ['hex', `${OF_LINK.toUpperCase()}\n`],
  ])('may be %s', async (_, text) => expect(await imported(text)).toEqual(plain(OF_LINK)));
});

describe('what is no secret key', () => {
  it.each([
    ['a phrase with a word that there is not', PHRASE.replace('about', 'abouts'), 'number 12 is in no recovery phrase'],
    ['a phrase with a wrong word', PHRASE.replace('about', 'above'), 'one is wrong'],
    ['a public key', `pk:${'8pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo'}`, 'public key'],
    ['a sign-in link', 'pubkyauth://signin?secret=kqnceEMgrNQM_xi06oQXjA3cJHX_RQmw1BY6JE1bse8', 'holds neither'],
    ['an export of half a key', LINK.slice(0, -20), 'holds neither'],
    ['eleven words', PHRASE.slice(8), 'holds neither'],
    ['nothing', '', 'is empty'],
  ])('is refused without repeating it: %s', async (_, text, says) => {
    const failure = await imported(text).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ code: 'cannot-open', message: expect.stringContaining(says) });
    if (text !== '') expect(`${failure} ${(failure as Failure).hint}`).not.toContain(text.slice(-12));
  });
});
