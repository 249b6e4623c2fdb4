import type { Argon2Parameters } from '../../src/crypto/argon2id.ts';
import { run } from './peer-programs.ts';

/**
 * True if `argon2` can be given this salt: it expects it as an argument, which the shell builds from the
 * bytes.
 */
export function isArgument(salt: Uint8Array): boolean {
  return !salt.includes(0) && salt.at(-1) !== 0x0a;
}

/**
 * The 32 bytes that Debian's `argon2` derives with Argon2id from a password (at most 127 bytes) and a salt
 * for which `isArgument` holds.
 */
export async function argon2(
  password: Uint8Array,
  salt: Uint8Array,
  { memoryKib, iterations, parallelism }: Argon2Parameters,
): Promise<Buffer> {
  if (!isArgument(salt)) throw new Error('this salt can not be given as an argument');
  const octal = [...salt].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  const options = ['-id', '-t', iterations, '-k', memoryKib, '-p', parallelism, '-l', 32, '-r'].map(String);
  const script = 'salt=$(printf "$1") && shift && exec argon2 "$salt" "$@"';
  const printed = await run('/bin/sh', ['-c', script, 'sh', octal, ...options], password);
  return Buffer.from(printed.toString().trim(), 'hex');
}
