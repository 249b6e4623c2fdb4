import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ageIdentity } from '../../src/crypto/age.ts';
import { run } from './peer-programs.ts';

/** Opens an age file with `age -d`, for a 32-byte X25519 secret. Rejects if age does. */
export async function ageDecrypt(secret: Uint8Array, ciphertext: Uint8Array): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'cclink-test-'));
  try {
    const file = join(folder, 'identity');
    writeFileSync(file, `${ageIdentity(secret)}\n`, { mode: 0o600 });
    return await run('age', ['-d', '-i', file], ciphertext);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Encrypts with `age` for recipients in any form that it accepts. */
export function ageEncrypt(recipients: readonly string[], plaintext: Uint8Array): Promise<Buffer> {
  return run(
    'age',
    recipients.flatMap((recipient) => ['-r', recipient]),
    plaintext,
  );
}

/** The recipients (`age1...`) of 32-byte X25519 secrets, as `age-keygen -y` derives them. */
export async function ageRecipients(secrets: readonly Uint8Array[]): Promise<string[]> {
  const printed = await run('age-keygen', ['-y'], secrets.map((secret) => `${ageIdentity(secret)}\n`).join(''));
  return printed.toString().trim().split('\n');
}
