import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { Failure } from '../../src/failure.ts';
import { encodeEnvelope, sealSeed } from '../../src/identity/envelope.ts';
import {
  publicKeyOfStored,
  readKeyFile,
  readPublicKeyFile,
  type StoredKey,
  writeKeyFile,
  writePublicKeyFile,
} from '../../src/identity/key-file.ts';
import { encodePublicKey, fingerprint } from '../../src/identity/public-key.ts';
import { startWriter } from '../support/start-writer.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { canMount, withTinyDisk } from '../support/tmpfs.ts';

const onUnix = process.platform !== 'win32';
const refusesLinks =
  process.getuid?.() === 0 &&
  existsSync('/proc/sys/fs/protected_hardlinks') &&
  readFileSync('/proc/sys/fs/protected_hardlinks', 'utf8').trim() === '1';
const NOW = Date.UTC(2026, 8, 1, 12, 0, 0, 123);
const CHEAP = { memoryKib: 8, iterations: 1, parallelism: 1 };
const seedOf = (n: number) => new Uint8Array(32).fill(n);
const hexOf = (n: number) => Buffer.from(seedOf(n)).toString('hex');
const publicOf = (n: number) => publicKeyOf(seedOf(n));
const shortOf = (n: number) => fingerprint(publicOf(n));
const plain = (n: number): StoredKey => ({ kind: 'plain', seed: seedOf(n) });
const replacing = { publicKey: null, replace: true, nowMs: NOW };

async function encrypted(n: number): Promise<StoredKey> {
  return { kind: 'encrypted', envelope: await sealSeed(seedOf(n), Buffer.from('passphrase'), CHEAP) };
}

const keyPath = () => join(temporaryFolder(), 'secret_key');
const put = (path: string, content: string | Uint8Array, mode = 0o600) => {
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
};
const text = (path: string) => readFileSync(path, 'utf8');
const refusalOf = (work: () => unknown) => {
  try {
    work();
    return 'it did not fail';
  } catch (error) {
    return error;
  }
};

describe('reading a key file', () => {
  it('gives the seed of a plain key and the envelope of an encrypted one', async () => {
    expect(readKeyFile(put(keyPath(), `${hexOf(1)}\n`))).toEqual(plain(1));
    const key = await encrypted(1);
    const path = put(keyPath(), key.kind === 'encrypted' ? encodeEnvelope(key.envelope) : '');
    expect(readKeyFile(path)).toEqual(key);
  });

  it('says that there is no key, and what makes one', async () => {
    const path = keyPath();
    const failure = refusalOf(() => readKeyFile(path));
    expect(failure).toMatchObject({ code: 'no-key', message: expect.stringContaining(path) });
    // Each line ends with what can be pasted.
    const hint = expect.stringMatching(/: cclink init\n.*: ssh \S+ cat .pubky\/secret_key \| cclink init --import -$/);
    expect(failure).toMatchObject({ hint });
    expect(refusalOf(() => readKeyFile(join(path, 'deeper', 'secret_key')))).toMatchObject({ code: 'no-key' });
  });

  it.runIf(onUnix).each([0o644, 0o640, 0o660, 0o601, 0o410, 0o4604])(
    'refuses the mode %o, with the line that mends it',
    async (mode) => {
      const path = put(keyPath(), hexOf(1), mode);
      const failure = refusalOf(() => readKeyFile(path));
      expect(failure).toMatchObject({ code: 'refused', hint: `chmod 600 ${path}` });
      execFileSync('sh', ['-c', failure instanceof Failure ? (failure.hint ?? '') : 'false']);
      expect(readKeyFile(path)).toEqual(plain(1));
    },
  );

  it.runIf(onUnix).each([0o600, 0o400, 0o500, 0o700, 0o4600])('takes the mode %o, which is nobody else’s', (mode) => {
    expect(readKeyFile(put(keyPath(), hexOf(1), mode))).toEqual(plain(1));
  });

  it.runIf(onUnix)('gives a chmod line that works for a path with spaces and quotes', async () => {
    const path = put(join(temporaryFolder(), "it's a $(key)"), hexOf(1), 0o644);
    const failure = refusalOf(() => readKeyFile(path));
    execFileSync('sh', ['-c', failure instanceof Failure ? (failure.hint ?? '') : 'false']);
    expect(readKeyFile(path)).toEqual(plain(1));
  });

  it.runIf(onUnix)('follows a symbolic link, and checks the file that it leads to', async () => {
    const folder = temporaryFolder();
    put(join(folder, 'real'), hexOf(1));
    symlinkSync('real', join(folder, 'link'));
    expect(readKeyFile(join(folder, 'link'))).toEqual(plain(1));
    chmodSync(join(folder, 'real'), 0o644);
    expect(refusalOf(() => readKeyFile(join(folder, 'link')))).toMatchObject({ code: 'refused' });
    symlinkSync('circle', join(folder, 'circle'));
    expect(refusalOf(() => readKeyFile(join(folder, 'circle')))).toMatchObject({ code: 'refused' });
    symlinkSync('nowhere', join(folder, 'dangling'));
    expect(refusalOf(() => readKeyFile(join(folder, 'dangling')))).toMatchObject({ code: 'no-key' });
  });

  it.runIf(onUnix)('does not wait at a named pipe', async () => {
    const path = keyPath();
    execFileSync('mkfifo', ['-m', '600', path]);
    // If we do wait, this frees us after 2 s: opening a pipe both ways never blocks.
    const rescue = spawn('sh', ['-c', 'sleep 2; : <> "$0"', path], { stdio: 'ignore' });
    const before = performance.now();
    expect(refusalOf(() => readKeyFile(path))).toMatchObject({ code: 'refused' });
    expect(performance.now() - before).toBeLessThan(1000);
    rescue.kill();
  });

  it('refuses a folder and a device', async () => {
    expect(refusalOf(() => readKeyFile(temporaryFolder()))).toMatchObject({ code: 'refused' });
    if (onUnix) expect(refusalOf(() => readKeyFile('/dev/zero'))).toMatchObject({ code: 'refused' });
  });

  it('reads no more than a key can have', async () => {
    const path = put(keyPath(), Buffer.alloc(3_000_000, '0'));
    expect(refusalOf(() => readKeyFile(path))).toMatchObject({ code: 'cannot-open', message: /too large/ });
  });

  it('answers whatever a file holds with a key or a failure that names the file', async () => {
    const path = put(keyPath(), '');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (content) => {
        writeFileSync(path, content);
        const failure = refusalOf(() => readKeyFile(path));
        expect(failure).toMatchObject({ name: 'Failure', code: 'cannot-open' });
        expect(failure).toMatchObject({ message: expect.stringContaining(path) });
      }),
      { numRuns: 50 },
    );
  });
});

describe('writing a key file', () => {
  it('makes the folder 0700 and the file 0600, with the bytes that Rust writes', async () => {
    const path = join(temporaryFolder(), '.pubky', 'secret_key');
    expect(writeKeyFile(path, plain(1), { ...replacing, replace: false })).toBeNull();
    expect(text(path)).toBe(hexOf(1));
    expect(readdirSync(dirname(path))).toEqual(['secret_key']);
    if (onUnix) expect(statSync(path).mode & 0o7777).toBe(0o600);
    if (onUnix) expect(statSync(dirname(path)).mode & 0o7777).toBe(0o700);
    expect(readKeyFile(path)).toEqual(plain(1));
  });

  it('puts the public key beside an encrypted key, and removes the one of the key before', async () => {
    const path = keyPath();
    const key = await encrypted(1);
    writeKeyFile(path, key, { ...replacing, publicKey: publicOf(1) });
    expect(text(`${path}.pub`)).toBe(`${encodePublicKey(publicOf(1))}\n`);
    expect(readKeyFile(path)).toEqual(key);

    writeKeyFile(path, await encrypted(2), { ...replacing, publicKey: publicOf(2) });
    expect(readPublicKeyFile(path)).toEqual(publicOf(2));
    writeKeyFile(path, await encrypted(3), replacing);
    expect(existsSync(`${path}.pub`)).toBe(false);
  });

  it('does not leave the public key of a key that is gone beside a new one', async () => {
    const path = keyPath();
    writePublicKeyFile(path, publicOf(9));
    writeKeyFile(path, await encrypted(1), { ...replacing, replace: false });
    expect(readPublicKeyFile(path)).toBeNull();
  });

  it('without leave to replace, it leaves any key as it is, its public key too', async () => {
    const path = put(keyPath(), 'something');
    writePublicKeyFile(path, publicOf(9));
    const failure = refusalOf(() => writeKeyFile(path, plain(1), { ...replacing, replace: false }));
    expect(failure).toMatchObject({ code: 'key-exists', message: expect.stringContaining(path) });
    expect(text(path)).toBe('something');
    expect(readPublicKeyFile(path)).toEqual(publicOf(9));
    expect(readdirSync(dirname(path)).sort()).toEqual(['secret_key', 'secret_key.pub']);
  });
});

describe('the key that was there', () => {
  it('is kept under its own name: plain, encrypted with a known public key, and unknown', async () => {
    const path = put(keyPath(), hexOf(1), 0o644);
    expect(writeKeyFile(path, await encrypted(2), { ...replacing, publicKey: publicOf(2) })).toBe(
      `${path}.${shortOf(1)}.bak`,
    );
    expect(text(`${path}.${shortOf(1)}.bak`)).toBe(hexOf(1));

    const second = readFileSync(path);
    expect(writeKeyFile(path, await encrypted(3), replacing)).toBe(`${path}.${shortOf(2)}.bak`);
    expect(readFileSync(`${path}.${shortOf(2)}.bak`)).toEqual(second);

    const third = readFileSync(path);
    const backup = writeKeyFile(path, plain(4), replacing);
    expect(backup).toBe(`${path}.unknown-20260901T120000Z.bak`);
    expect(readFileSync(backup ?? '')).toEqual(third);
  });

  it('is kept even if it is no key at all', async () => {
    const path = put(keyPath(), 'my only copy, in a format of the future');
    const backup = writeKeyFile(path, plain(1), replacing);
    expect(text(backup ?? '')).toBe('my only copy, in a format of the future');
  });

  it('never takes the place of another backup', async () => {
    const path = put(keyPath(), hexOf(1));
    put(`${path}.${shortOf(1)}.bak`, 'an older backup');
    expect(writeKeyFile(path, plain(2), replacing)).toBe(`${path}.${shortOf(1)}-2.bak`);
    writeFileSync(path, hexOf(1));
    expect(writeKeyFile(path, plain(2), replacing)).toBe(`${path}.${shortOf(1)}-3.bak`);
    expect(text(`${path}.${shortOf(1)}.bak`)).toBe('an older backup');
    expect(text(`${path}.${shortOf(1)}-2.bak`)).toBe(hexOf(1));
  });

  it('is not replaced where it is a folder', async () => {
    const path = keyPath();
    mkdirSync(path);
    expect(refusalOf(() => writeKeyFile(path, plain(1), replacing))).toMatchObject({ code: 'refused' });
    expect(readdirSync(dirname(path))).toEqual(['secret_key']);
  });

  it.runIf(onUnix)('stays where it is when a symbolic link led to it', async () => {
    const folder = temporaryFolder();
    put(join(folder, 'real'), hexOf(1));
    symlinkSync('real', join(folder, 'secret_key'));
    const backup = writeKeyFile(join(folder, 'secret_key'), plain(2), replacing);
    expect(text(join(folder, 'real'))).toBe(hexOf(1));
    expect(text(backup ?? '')).toBe(hexOf(1));
    if (process.platform === 'linux') expect(readlinkSync(backup ?? '')).toBe('real');
    expect(text(join(folder, 'secret_key'))).toBe(hexOf(2));
  });

  it.runIf(refusesLinks)('is copied where the system refuses a second name for it', async () => {
    // Linux does not let users hard-link root's files if they can only read them.
    const path = put(keyPath(), hexOf(1), 0o644);
    chownSync(dirname(path), 65_534, 65_534);
    process.seteuid?.(65_534);
    const backup = writeKeyFile(path, plain(2), replacing);
    process.seteuid?.(0);
    expect(text(backup ?? '')).toBe(hexOf(1));
    expect(statSync(backup ?? '').uid).toBe(65_534);
    expect(text(path)).toBe(hexOf(2));
  });

  it.runIf(canMount)('stays the key, with its public key, where the disk is full', async () => {
    await withTinyDisk(16, async ({ path: disk }) => {
      const path = join(disk, 'secret_key');
      const key = await encrypted(1);
      writeKeyFile(path, key, { ...replacing, publicKey: publicOf(1) });
      const names = readdirSync(disk);
      // As many one-page files as fit.
      for (let n = 0, full = false; !full; n++) {
        try {
          writeFileSync(join(disk, `filler${n}`), Buffer.alloc(4096));
        } catch {
          full = true;
        }
      }
      const failure = refusalOf(() => writeKeyFile(path, plain(2), replacing));
      expect(failure).toMatchObject({ code: 'refused', message: expect.stringContaining('the disk is full') });
      expect(readKeyFile(path)).toEqual(key);
      expect(readPublicKeyFile(path)).toEqual(publicOf(1));
      expect(readdirSync(disk).filter((name) => !name.startsWith('filler'))).toEqual(names);
    });
  });

  it.skipIf(canMount)('stays the key on a full disk: NOT TESTED, as this process may not mount one', () => {});

  it.runIf(onUnix)('is still there after a SIGKILL at any moment', async () => {
    for (const count of [1, 8, 40]) {
      const path = put(keyPath(), hexOf(255));
      const child = startWriter('keys', path);
      const exit = once(child, 'exit');
      const written: string[] = [];
      for await (const line of createInterface(child.stdout)) {
        if (line !== 'ready') written.push(line);
        // By now it is writing the next key, and if it reports that one too, it counts.
        if (written.length === count) child.kill('SIGKILL');
      }
      await exit;
      expect(written.length).toBeGreaterThanOrEqual(count);
      expect(written.length).toBeLessThan(250);

      const files = readdirSync(dirname(path)).filter((name) => !/\.tmp$|\.lock/.test(name));
      const found = files.map((name) => fingerprint(publicKeyOf(Buffer.from(text(join(dirname(path), name)), 'hex'))));
      expect(found).toEqual(expect.arrayContaining([shortOf(255), ...written]));
      expect(readKeyFile(path).kind).toBe('plain');
    }
  });
});

describe('the public key beside a key file', () => {
  it('comes back, 0600, one line', async () => {
    const path = keyPath();
    writePublicKeyFile(path, publicOf(1));
    expect(readPublicKeyFile(path)).toEqual(publicOf(1));
    expect(text(`${path}.pub`)).toBe(`${encodePublicKey(publicOf(1))}\n`);
    if (onUnix) expect(statSync(`${path}.pub`).mode & 0o7777).toBe(0o600);
  });

  it('is not known where the file is missing, a folder, empty, too long or anything else', async () => {
    const path = keyPath();
    expect(readPublicKeyFile(path)).toBeNull();
    const key = encodePublicKey(publicOf(1));
    for (const content of ['', 'x', `${key}\n\n`, `${key} me@host\n`, key.slice(1), '0'.repeat(100_000)]) {
      put(`${path}.pub`, content);
      expect(readPublicKeyFile(path)).toBeNull();
    }
    mkdirSync(join(dirname(path), 'other.pub'));
    expect(readPublicKeyFile(join(dirname(path), 'other'))).toBeNull();
  });

  it('is computed for a plain key, whatever stands beside it', async () => {
    const path = keyPath();
    writePublicKeyFile(path, publicOf(9));
    expect(publicKeyOfStored(path, plain(1))).toEqual(publicOf(1));
    expect(publicKeyOfStored(path, await encrypted(1))).toEqual(publicOf(9));
  });
});
