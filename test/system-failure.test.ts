import { describe, expect, it } from 'vitest';
import { systemFailure } from '../src/system-failure.ts';

const withCode = (code: string, syscall = 'open') => Object.assign(new Error(code), { code, syscall });

describe('what this system has none left of', () => {
  it.each(['ENOMEM', 'EMFILE', 'ENFILE', 'ENOSPC', 'EDQUOT', 'EROFS'])('is said, and no defect: %s', (code) => {
    expect(systemFailure(withCode(code))).toMatchObject({ code: 'refused', hint: expect.stringMatching(/again/) });
  });

  it('is told by the engine without a code', () => {
    const message = 'WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory for new instance';
    const errors = [new RangeError(message), new RangeError('Array buffer allocation failed')];
    expect(errors.map((error) => systemFailure(error)?.message)).toEqual([
      'There is not enough memory for this.',
      'There is not enough memory for this.',
    ]);
  });

  it('is not a directory that was deleted, which is said too', () => {
    expect(systemFailure(withCode('ENOENT', 'uv_cwd'))).toMatchObject({ code: 'usage' });
  });

  it('is no other error', () => {
    expect([withCode('ENOENT'), new TypeError('x is not a function'), 'text'].map(systemFailure)).toEqual([
      null,
      null,
      null,
    ]);
  });
});
