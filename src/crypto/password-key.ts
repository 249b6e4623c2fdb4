import { type Argon2Parameters, argon2id } from './argon2id.ts';
import { hkdf } from './hkdf.ts';

/**
 * The 32-byte key that a password (UTF-8 bytes as typed, not empty) and a salt stand for: HKDF-SHA256 over Argon2id, `info` naming the
 * use. The caller wipes the key, and bounds the parameters where a stranger chose them.
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
