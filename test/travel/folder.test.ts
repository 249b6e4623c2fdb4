import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { writeBundle } from '../../src/travel/bundle/bundle-writer.ts';
import { type Absence, type FolderBundle, lookIntoFolder, waitForBundle } from '../../src/travel/folder.ts';
import { bundleName, bundleSecret, digestOfT } from '../../src/travel/handoff-keys.ts';
import { filesOf, manifestOf } from '../support/bundles.ts';
import { collect } from '../support/chunks.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const HANDOFF = { t: new Uint8Array(16).fill(1), address: new Uint8Array(32).fill(2) };
const NAME = bundleName(HANDOFF.t, HANDOFF.address);
const STEM = NAME.replace('.cclink', '');
/** A session of some hundred kB that does not compress. */
const CONTENTS = { 'session.jsonl': Array.from({ length: 200_000 }, (_, i) => (i * i * 7919) % 10_007).join('\n') };

async function bundleFor({ t, address } = HANDOFF): Promise<Buffer> {
  const publicKey = x25519PublicOfSecret(bundleSecret(t, address));
  return collect(writeBundle(manifestOf(CONTENTS), null, filesOf(CONTENTS), { kind: 'x25519', publicKey }));
}

const BUNDLE = await bundleFor();

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

/** What a look into the folder finds: the kind of what is missing, or the session in the bundle. */
async function seen(handoff = HANDOFF): Promise<Absence | { session: string; bytes: number }> {
  const found = await lookIntoFolder(folder, handoff);
  if (!('bundle' in found)) return found;
  await found.close();
  return { session: found.bundle.manifest.session, bytes: found.bytes };
}

const THERE = { session: manifestOf(CONTENTS).session, bytes: BUNDLE.length };

/** A file with nothing but a hole. */
function tooLarge(path: string): void {
  writeFileSync(path, '');
  truncateSync(path, 2 ** 43);
}

describe('the names and keys of a handoff', () => {
  it('come from t and the address, by HKDF', () => {
    // Made with Python: hmac and base64 of its standard library.
    expect(NAME).toBe('sxi2wmw2urj5rk7pqccrbdqoys.cclink');
    expect(Buffer.from(bundleSecret(HANDOFF.t, HANDOFF.address)).toString('hex')).toBe(
      '058fd854a6fe1b1e31fe326df3855769b48375b21ec85afd648fb27f3ca42063',
    );
    expect(digestOfT(HANDOFF.t)).toBe('zIzUHO-QfE0hYGkSLEuJk2IRNh-QUKcXoeN60YYulS8');
  });

  it('are others for another t, and under another address', () => {
    const others = [
      { ...HANDOFF, t: new Uint8Array(16).fill(3) },
      { ...HANDOFF, address: new Uint8Array(32).fill(3) },
    ];
    for (const { t, address } of others) {
      expect(bundleName(t, address)).not.toBe(NAME);
      expect(bundleSecret(t, address)).not.toEqual(bundleSecret(HANDOFF.t, HANDOFF.address));
    }
  });
});

describe('a folder', () => {
  it('gives the bundle of a handoff once it lies there whole', async () => {
    expect(await seen()).toEqual({ kind: 'not there' });
    writeFileSync(join(folder, NAME), BUNDLE);
    expect(await seen()).toEqual(THERE);
    expect(await seen({ ...HANDOFF, t: new Uint8Array(16).fill(3) })).toEqual({ kind: 'not there' });
    rmSync(folder, { recursive: true });
    expect(await seen()).toEqual({ kind: 'no folder' });
  });

  it('is not mistaken for one by a file of its name', async () => {
    folder = join(folder, 'file');
    writeFileSync(folder, '');
    expect(await seen()).toEqual({ kind: 'no folder' });
  });

  it.each([0, 1, 100, 1000, 70_000, BUNDLE.length - 1])(
    'with only the first %d bytes of it has none yet',
    async (bytes) => {
      writeFileSync(join(folder, NAME), BUNDLE.subarray(0, bytes));
      expect(await seen()).toEqual({ kind: 'not whole', bytes });
    },
  );

  it.each([
    ['what follows its first part is still empty', (path: string) => truncateSync(path, BUNDLE.length)],
    ['something follows it', (path: string) => appendFileSync(path, 'x')],
  ])('has none yet where %s', async (what, change) => {
    writeFileSync(join(folder, NAME), what.startsWith('something') ? BUNDLE : BUNDLE.subarray(0, 70_000));
    change(join(folder, NAME));
    expect(await seen()).toMatchObject({ kind: 'not whole' });
  });

  it('has none where another bundle took its name', async () => {
    writeFileSync(join(folder, NAME), await bundleFor({ ...HANDOFF, t: new Uint8Array(16).fill(9) }));
    expect(await seen()).toMatchObject({ kind: 'not whole' });
  });

  it.each([`.syncthing.${NAME}.tmp`, `~syncthing~${NAME}.tmp`, `.${NAME}.icloud`, `${NAME}.part`, `.${NAME}.a1B2c3`])(
    'tells by %s that it is on its way',
    async (name) => {
      writeFileSync(join(folder, name), BUNDLE.subarray(0, 1000));
      expect(await seen()).toEqual({ kind: 'on its way' });
    },
  );

  it.each([
    `${STEM}.sync-conflict-20261126-143000-ABCDEFG.cclink`,
    `${STEM} (laptop's conflicted copy 2026-11-26).cclink`,
    `${STEM} (conflicted copy 2026-11-26 143000).cclink`,
    `${STEM}-laptop.cclink`,
    `${STEM} 2.cclink`,
    `${STEM} (1).cclink`,
  ])('also gives the conflict copy %s, if only that is whole', async (copy) => {
    writeFileSync(join(folder, copy), BUNDLE);
    expect(await seen()).toEqual(THERE);
    writeFileSync(join(folder, NAME), BUNDLE.subarray(0, 100));
    expect(await seen()).toEqual(THERE);
  });

  it.each([
    ['a link to a bundle', (path: string) => symlinkSync(join(folder, 'elsewhere'), path)],
    ['a link to a device', (path: string) => symlinkSync('/dev/zero', path)],
    ['a folder', (path: string) => mkdirSync(path)],
    ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
    ['a file larger than any bundle', (path: string) => tooLarge(path)],
  ])('has none where %s stands under its name', async (_, put) => {
    writeFileSync(join(folder, 'elsewhere'), BUNDLE);
    put(join(folder, NAME));
    expect(await seen()).toMatchObject({ kind: 'not whole' });
  });

  it('reads the file that was checked, whatever takes its name meanwhile', async () => {
    writeFileSync(join(folder, NAME), BUNDLE);
    const found = (await lookIntoFolder(folder, HANDOFF)) as FolderBundle;
    writeFileSync(join(folder, 'other'), 'not a bundle');
    renameSync(join(folder, 'other'), join(folder, NAME));
    const names: string[] = [];
    for await (const file of found.bundle.files) names.push(file.name);
    await found.close();
    expect(names).toEqual(['session.jsonl']);
  });
});

describe('waiting for a bundle', () => {
  it('tells once what is missing each time that this changes, and ends when it is whole', async () => {
    const told: string[] = [];
    const path = join(folder, NAME);
    const waiting = waitForBundle(folder, HANDOFF, null, ({ kind }) => {
      told.push(kind);
      if (kind === 'not there') writeFileSync(path, BUNDLE.subarray(0, 70_000));
      if (kind === 'not whole' && told.length === 2) writeFileSync(path, BUNDLE);
    });
    const found = await waiting;
    await found.close();
    expect(new Set(told)).toEqual(new Set(['not there', 'not whole']));
  });

  it('tells how far it is read while it is checked', async () => {
    writeFileSync(join(folder, NAME), BUNDLE);
    const told: (number | string)[] = [];
    const onCheck = (bytes: number) => {
      told.push(bytes);
      return { moved: (read: number) => void told.push(read), end: () => void told.push('end') };
    };
    const found = await waitForBundle(folder, HANDOFF, 0, () => {}, onCheck);
    await found.close();
    const [size, ...read] = told;
    expect([size, read.pop()]).toEqual([BUNDLE.length, 'end']);
    expect(read.length).toBeGreaterThan(1);
    expect(read.reduce<number>((sum, bytes) => sum + Number(bytes), 0) / BUNDLE.length).toBeCloseTo(1, 1);
  });

  it('does not read one again that still grows', async () => {
    const path = join(folder, NAME);
    writeFileSync(path, BUNDLE.subarray(0, 1000));
    const told: unknown[] = [];
    const waiting = waitForBundle(folder, HANDOFF, null, (absence) => {
      told.push(absence);
      // Whole by the second look, but other than at the first.
      writeFileSync(path, BUNDLE);
    });
    const started = performance.now();
    await (await waiting).close();
    expect(told).toEqual([
      { kind: 'not whole', bytes: 1000 },
      { kind: 'not whole', bytes: BUNDLE.length },
    ]);
    expect(performance.now() - started).toBeGreaterThan(1900);
  });

  it('ends without one when its time is over', async () => {
    const started = performance.now();
    await expect(waitForBundle(folder, HANDOFF, 300, () => {})).rejects.toMatchObject({
      code: 'no-session',
      message: expect.stringContaining('did not arrive'),
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(290);
    expect(performance.now() - started).toBeLessThan(900);
  });

  it('asks for a time where nobody can end it, and does not say that it waits', async () => {
    const told: Absence[] = [];
    const look = (path: string) => waitForBundle(path, HANDOFF, 0, (absence) => told.push(absence));
    const hint = expect.stringContaining('--timeout');
    await expect(look(folder)).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('yet'), hint });
    const nowhere = join(folder, 'nowhere');
    const message = expect.stringContaining('There is no folder');
    await expect(look(nowhere)).rejects.toMatchObject({ code: 'usage', message, hint });
    expect(told).toEqual([]);
  });
});
