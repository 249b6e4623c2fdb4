import * as crypto from 'node:crypto';
import { Failure } from '../failure.ts';
import { secretBytes } from '../secret-bytes.ts';
import { outOfMemory, systemFailure } from '../system-failure.ts';

/** Cost of one Argon2id derivation: memory in KiB, passes over it, lanes. */
export interface Argon2Parameters {
  readonly memoryKib: number;
  readonly iterations: number;
  readonly parallelism: number;
}

/** Node's own Argon2 (24.7 and later): faster than WebAssembly and off the main thread. */
type NodeArgon2 = (
  algorithm: 'argon2id',
  parameters: {
    message: Uint8Array;
    nonce: Uint8Array;
    memory: number;
    passes: number;
    parallelism: number;
    tagLength: number;
  },
  callback: (error: Error | null, key: Uint8Array) => void,
) => void;

/**
 * Argon2id, version 0x13 (RFC 9106), 32 bytes. The caller must bound the parameters: this allocates whatever
 * they ask for.
 *
 * Throws `usage` for an empty password, `cannot-open` for a salt below 8 bytes, `refused` where there is not
 * enough memory.
 */
export async function argon2id(
  password: Uint8Array,
  salt: Uint8Array,
  { memoryKib, iterations, parallelism }: Argon2Parameters,
): Promise<Uint8Array> {
  if (password.length === 0) throw new Failure('usage', 'The passphrase or PIN is empty.', 'Type it and try again.');
  if (salt.length < 8) {
    throw new Failure('cannot-open', 'The salt is too short for a key to be derived.', 'Get it again from its source.');
  }
  const native = (crypto as { argon2?: NodeArgon2 }).argon2;
  if (native !== undefined) {
    return new Promise((resolve, reject) => {
      const parameters = { memory: memoryKib, passes: iterations, parallelism, tagLength: 32 };
      native('argon2id', { message: password, nonce: salt, ...parameters }, (error, key) =>
        // The inputs are within limits, so that only memory can be missing.
        error === null ? resolve(secretBytes(key)) : reject(outOfMemory(error)),
      );
    });
  }
  const wasm = await import('hash-wasm');
  const costs = { memorySize: memoryKib, iterations, parallelism, hashLength: 32 };
  try {
    return await wasm.argon2id({ password, salt, ...costs, outputType: 'binary' });
  } catch (error) {
    throw systemFailure(error) ?? error;
  }
}
