import { type Argon2Parameters, argon2id } from './argon2id.ts';
import { hkdf } from './hkdf.ts';

/**
 * Derives a 32-byte key from a password (UTF-8 bytes as typed, not empty) and a salt: HKDF-SHA256 over
 * Argon2id, with `info` naming the use. The caller wipes the key, and bounds the parameters if a stranger
 * chose them.
 */
export async function passwordKey(
  password: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2Parameters,
  info: string,
): Promise<Uint8Array> {
  const stretched = await argon2id(password, salt, parameters);
  try {
    return hkdf(stretched, info);
  } finally {
    stretched.fill(0);
  }
}
