import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openStream, sealStream } from '../../src/crypto/age-file.ts';
import { type BundlePlace, type BundleSeal, publishWithBundle } from '../../src/handoff/publish-bundle.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { bundleName, bundleSecret, digestOfT } from '../../src/travel/handoff-keys.ts';
import { KnownBundles } from '../../src/travel/known-bundles.ts';
import { chunked, collect } from '../support/chunks.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testKey } from '../support/test-key.ts';

const ADDRESS = testKey(1).publicKey;

let folder: string;
let place: BundlePlace;
beforeEach(() => {
  const root = temporaryFolder();
  folder = join(root, 'shared');
  mkdirSync(folder);
  place = { folder, address: ADDRESS, until: () => 9e9, bundles: new KnownBundles(join(root, 'state')) };
});

const write = async ({ path, recipient }: BundleSeal) =>
  writeFileSync(path, await collect(sealStream(recipient, chunked(Buffer.from('the session')))));

describe('a handoff with its session', () => {
  it('is published once the session lies in the folder, sealed for whoever has its t', async () => {
    let seal: BundleSeal | undefined;
    const {
      published: { t },
    } = await publishWithBundle(
      place,
      async (given) => {
        seal = given;
        await write(given);
      },
      async (given) => {
        expect(readdirSync(folder)).toEqual([bundleName(given, ADDRESS)]);
        return { t: given, seq: 1 };
      },
    );
    expect(t).toHaveLength(16);
    expect(seal?.handoff).toEqual({ address: encodePublicKey(ADDRESS), t: digestOfT(t) });
    const content = chunked(readFileSync(seal?.path ?? ''));
    const opened = await collect(openStream(content, { secrets: async () => [bundleSecret(t, ADDRESS)] }));
    expect(opened.toString()).toBe('the session');
  });

  it('replaces the session of the one before', async () => {
    const names: string[] = [];
    for (const seq of [1, 2]) {
      await publishWithBundle(place, write, async (t) => {
        names.push(bundleName(t, ADDRESS));
        return { seq };
      });
    }
    expect(names[0]).not.toBe(names[1]);
    expect(readdirSync(folder)).toEqual([names[1]]);
  });

  it('leaves those of handoffs that are published at the same time: the last one has its session', async () => {
    const names = new Map<number, string>();
    const ends = new Map<number, () => void>();
    const publishAs = (seq: number) =>
      publishWithBundle(place, write, async (t) => {
        names.set(seq, bundleName(t, ADDRESS));
        await new Promise<void>((resolve) => ends.set(seq, resolve));
        return { seq };
      });
    const [first, second] = [publishAs(10), publishAs(20)];
    await expect.poll(() => ends.size).toBe(2);
    // The first is told of its success after the second.
    ends.get(20)?.();
    await second;
    ends.get(10)?.();
    await first;
    expect(readdirSync(folder)).toEqual([names.get(20)]);
  });

  it.each(['write', 'publish'])(
    'leaves nothing in the folder if it fails to %s, and the one before as it was',
    async (step) => {
      let before = '';
      await publishWithBundle(
        place,
        async (seal) => {
          before = basename(seal.path);
          await write(seal);
        },
        async () => ({ seq: 1 }),
      );
      const fail = async () => {
        throw new Error('it failed');
      };
      const failing = publishWithBundle(place, step === 'write' ? fail : write, fail);
      await expect(failing).rejects.toThrow('it failed');
      expect(readdirSync(folder)).toEqual([before]);
    },
  );

  it.each(['nowhere', 'file', 'file/below', 'loop'])('is not published where the folder is none: %s', async (name) => {
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('loop', join(folder, 'loop'));
    const elsewhere = { ...place, folder: join(folder, name) };
    let isPublished = false;
    const publishing = publishWithBundle(elsewhere, write, async () => {
      isPublished = true;
      return { seq: 1 };
    });
    await expect(publishing).rejects.toMatchObject({ code: 'refused' });
    expect(isPublished).toBe(false);
  });
});
