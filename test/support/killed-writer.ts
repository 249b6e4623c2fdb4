import { readFileSync, writeSync } from 'node:fs';
import { writeAtomically, writeCache } from '../../src/files/atomic-write.ts';
import { withLock } from '../../src/files/lock.ts';
import { History } from '../../src/handoff/history.ts';
import { whileKeyIsLocked, writeKeyFile } from '../../src/identity/key-file.ts';
import { fingerprint } from '../../src/identity/public-key.ts';
import { identityOf } from '../../src/identity/unlock.ts';

// Runs as a separate process, to be killed at any moment: `killed-writer.ts <what> <path>`.
const [what, path = ''] = process.argv.slice(2);

const say = (line: string) => writeSync(1, `${line}\n`);

if (what === 'before replacing') {
  // Waits 20 s between writing the new content and replacing the old file.
  writeAtomically(path, Buffer.alloc(100_000, 'b'), () => {
    say('ready');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
  });
}

if (what === 'large files') {
  say('ready');
  for (let letter = 0; ; letter = (letter + 1) % 26) writeAtomically(path, Buffer.alloc(4_000_000, 97 + letter));
}

if (what === 'keys') {
  say('ready');
  for (let n = 0; n < 250; n++) {
    const seed = new Uint8Array(32).fill(n + 1);
    const options = { publicKey: null, replace: true, nowMs: 0 };
    await whileKeyIsLocked(path, () => writeKeyFile(path, { kind: 'plain', seed }, options));
    say(fingerprint(identityOf(seed).publicKey));
  }
}

if (what === 'holds a lock') {
  await withLock(path, () => {
    say('ready');
    return new Promise((done) => setTimeout(done, 20_000));
  });
}

if (what === 'counts under a lock') {
  // Prints each number once it is in the file; without the lock, two processes would write the same ones.
  for (;;) {
    const patienceMs = 20_000;
    const count = await withLock(
      `${path}.lock`,
      () => {
        const next = Number(readFileSync(path, 'utf8')) + 1;
        writeCache(path, Buffer.from(String(next)));
        return next;
      },
      { patienceMs },
    );
    say(String(count));
  }
}

if (what === 'reserves numbers') {
  const history = new History(path);
  const publicKey = new Uint8Array(32);
  for (let n = 0; n < 50; n++) say(String(await history.reserve(publicKey, (highest) => highest + 1)));
}
