import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keyCheck } from '../../src/doctor/key.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testKey } from '../support/test-key.ts';

const KEY = testKey(7);
const HEX = Buffer.from(KEY.seed).toString('hex');

function keyFile(content = HEX): string {
  const path = join(temporaryFolder(), '.pubky', 'secret_key');
  mkdirSync(dirname(path), { mode: 0o700 });
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

describe('the key', () => {
  it('is good if it is the user’s alone, and is named by its public key only', () => {
    const check = keyCheck(keyFile());
    expect(check).toMatchObject({ state: 'good', message: expect.stringContaining('not encrypted') });
    expect(check.message).toContain(encodePublicKey(KEY.publicKey));
    expect(JSON.stringify(check)).not.toContain(HEX);
  });

  it('is bad if it is missing', () => {
    expect(keyCheck(join(temporaryFolder(), 'secret_key'))).toMatchObject({ state: 'bad', code: 'no-key' });
  });

  it('is bad if it is no key', () => {
    expect(keyCheck(keyFile('garbage'))).toMatchObject({ state: 'bad', code: 'cannot-open' });
    expect(keyCheck(keyFile(''))).toMatchObject({ state: 'bad', code: 'cannot-open' });
  });

  it.skipIf(process.platform === 'win32')('is bad if others can read it, or put another in its place', () => {
    const path = keyFile();
    chmodSync(dirname(path), 0o755);
    expect(keyCheck(path)).toMatchObject({ state: 'good' });
    chmodSync(dirname(path), 0o777);
    expect(keyCheck(path)).toMatchObject({ state: 'bad', code: 'refused', hint: `chmod go-w ${dirname(path)}` });
    chmodSync(path, 0o644);
    expect(keyCheck(path)).toMatchObject({ state: 'bad', code: 'refused', hint: `chmod 600 ${path}` });
  });
});
