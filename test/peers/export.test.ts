import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ageRecipient } from '../../src/crypto/age.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { Machine } from '../support/machine.ts';
import { ageDecrypt } from './age-program.ts';
import { describePeer, missingPrograms, run } from './peer-programs.ts';

const SECRET = new Uint8Array(32).fill(7);

let machine: Machine;

beforeEach(() => {
  machine = new Machine('laptop', '127.0.0.1:9');
  machine.addSession(undefined, { sample: 'toolcall' });
});
afterEach(() => machine.remove());

describePeer('age and GNU tar', missingPrograms('age', 'tar', 'bash'), () => {
  it('list what cclink export wrote, in the line that the manual has', async () => {
    await machine.init();
    expect((await machine.run(['export', '-o', 'bundle'])).code).toBe(0);
    const shell = machine.shell('/bin/bash', ['--norc', '--noprofile', '-i']);
    await shell.answers(/ready> /, 'age -d -i <(cclink whoami --age-identity) bundle | tar tz; echo "ended $?"\r');
    await shell.answers(/Print it\?/, 'y\r');
    await shell.sees(/ended 0/);
    expect(shell.text).toMatch(/manifest\.json\s+manifest\.sig\s+session\.jsonl/);
    shell.type('exit\r');
    await shell.end();
  });

  it('open what was exported for an age key that cclink does not have', async () => {
    const recipient = ageRecipient(x25519PublicOfSecret(SECRET));
    expect((await machine.run(['export', '-o', 'bundle', '--recipient', recipient])).code).toBe(0);
    const opened = await ageDecrypt(SECRET, readFileSync(join(machine.project, 'bundle')));
    const folder = join(machine.home, 'opened');
    mkdirSync(folder);
    await run('tar', ['-xz', '-C', folder], opened);
    expect(readdirSync(folder).sort()).toEqual(['manifest.json', 'session.jsonl']);
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
    expect(readFileSync(join(folder, 'session.jsonl')).length).toBe(manifest.files[0].bytes);
  });
});
