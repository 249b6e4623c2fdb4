import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { spawn } from '@lydell/node-pty';
import { expect, it } from 'vitest';
import { ageIdentity, ageRecipient } from '../../src/crypto/age.ts';
import { type AgeKeys, type AgeRecipient, openStream, sealStream } from '../../src/crypto/age-file.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { readBundle } from '../../src/travel/bundle/bundle-reader.ts';
import { writeBundle } from '../../src/travel/bundle/bundle-writer.ts';
import { encodeManifest } from '../../src/travel/bundle/manifest.ts';
import { type Contents, filesOf, manifestOf } from '../support/bundles.ts';
import { chunked, collect } from '../support/chunks.ts';
import { TerminalRun } from '../support/machine.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describePeer, missingPrograms, run } from './peer-programs.ts';

const SECRET = new Uint8Array(32).fill(7);
const RECIPIENT: AgeRecipient = { kind: 'x25519', publicKey: x25519PublicOfSecret(SECRET) };
const KEYS: AgeKeys = { secrets: async () => [Uint8Array.from(SECRET)] };
/**
 * More than the 16 MiB after which the nonce of an age file must carry. Random, so that it stays as large.
 */
const LARGE = randomBytes(17 * 1024 * 1024);
const CONTENTS: Contents = {
  'session.jsonl': LARGE,
  'subagents/agent-0a.jsonl': '{}\n',
  [`tool-results/${'long-'.repeat(19)}.txt`]: 'a name that tar splits at its slash',
};

const inShell = (script: string, ...args: readonly string[]) => run('sh', ['-ec', script, 'sh', ...args]);

/** A folder with an identity file for `age -i`. */
function folderWithIdentity(): { folder: string; identity: string } {
  const folder = temporaryFolder();
  const identity = join(folder, 'identity');
  writeFileSync(identity, `${ageIdentity(SECRET)}\n`, { mode: 0o600 });
  return { folder, identity };
}

describePeer('age, gzip and GNU tar', missingPrograms('age', 'tar', 'gzip'), () => {
  it('open what we sealed, beyond 16 MiB', async () => {
    const { folder, identity } = folderWithIdentity();
    const file = join(folder, 'sealed');
    await pipeline(sealStream(RECIPIENT, chunked(LARGE, 100_000)), createWriteStream(file));
    await run('age', ['-d', '-i', identity, '-o', join(folder, 'opened'), file]);
    expect(readFileSync(join(folder, 'opened')).equals(LARGE)).toBe(true);
  });

  it('seal what we open, beyond 16 MiB', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'sealed');
    writeFileSync(join(folder, 'plain'), LARGE);
    await run('age', ['-r', ageRecipient(x25519PublicOfSecret(SECRET)), '-o', file, join(folder, 'plain')]);
    expect((await collect(openStream(createReadStream(file), KEYS))).equals(LARGE)).toBe(true);
  });

  it('list and unpack a bundle', async () => {
    const { folder, identity } = folderWithIdentity();
    const file = join(folder, 'session.cclink');
    const manifest = manifestOf(CONTENTS);
    await pipeline(writeBundle(manifest, null, filesOf(CONTENTS), RECIPIENT), createWriteStream(file));
    const names = await inShell('age -d -i "$1" "$2" | tar tz', identity, file);
    expect(names.toString().trim().split('\n')).toEqual(['manifest.json', ...Object.keys(CONTENTS)]);
    await inShell('cd "$1"; age -d -i "$2" "$3" | tar xz', folder, identity, file);
    expect(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))).toEqual(manifest);
    for (const [name, content] of Object.entries(CONTENTS)) {
      expect(readFileSync(join(folder, name)).equals(Buffer.from(content as string))).toBe(true);
    }
  });

  it('make a bundle that we read', async () => {
    const folder = temporaryFolder();
    const manifest = manifestOf(CONTENTS);
    const files: Contents = { 'manifest.json': encodeManifest(manifest), ...CONTENTS };
    const madeAt = Math.floor(Date.parse(manifest.createdAt) / 1000);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), content);
      utimesSync(join(folder, name), madeAt, madeAt);
    }
    const pack =
      'recipient=$1; cd "$2"; shift 2; ' +
      'tar cf - --format=ustar --owner=0 --group=0 --numeric-owner --mode=0600 -b 1 "$@" | gzip -1 | age -r "$recipient" -o bundle';
    await inShell(pack, ageRecipient(x25519PublicOfSecret(SECRET)), folder, ...Object.keys(files));
    const bundle = await readBundle(createReadStream(join(folder, 'bundle')), KEYS);
    expect(bundle.manifest).toEqual(manifest);
    for await (const { name, content } of bundle.files) {
      expect((await collect(content)).equals(Buffer.from(CONTENTS[name] as string))).toBe(true);
    }
  });

  it('open what is sealed with a PIN, once it is typed', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'sealed');
    const passphrase = Buffer.from('river-solid-amber-canal-noise');
    await pipeline(
      sealStream({ kind: 'passphrase', passphrase }, chunked(Buffer.from('hello'))),
      createWriteStream(file),
    );
    const typing = new TerminalRun(spawn('age', ['-d', '-o', join(folder, 'opened'), file], {}));
    await typing.answers(/passphrase/i, 'river-solid-amber-canal-noise\r');
    expect(await typing.end()).toBe(0);
    expect(readFileSync(join(folder, 'opened'), 'utf8')).toBe('hello');
  });

  it('seal with a passphrase what we open with it', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'sealed');
    writeFileSync(join(folder, 'plain'), 'hello');
    const typing = new TerminalRun(spawn('age', ['-p', '-o', file, join(folder, 'plain')], {}));
    await typing.answers(/Enter passphrase/, 'a passphrase\r');
    await typing.answers(/Confirm passphrase/, 'a passphrase\r');
    expect(await typing.end()).toBe(0);
    const opened = openStream(createReadStream(file), { passphrase: async () => Buffer.from('a passphrase') });
    expect((await collect(opened)).toString()).toBe('hello');
  });
});
