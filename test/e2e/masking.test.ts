import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ageRecipient } from '../../src/crypto/age.ts';
import { x25519PublicOfSecret } from '../../src/crypto/x25519.ts';
import { readBundle } from '../../src/travel/bundle/bundle-reader.ts';
import { chunked, collect } from '../support/chunks.ts';
import {
  desk,
  goOn,
  laptop,
  network,
  shared,
  textOn,
  transcriptOn,
  useDistantMachines,
} from '../support/distant-machines.ts';
import { Machine } from '../support/machine.ts';

useDistantMachines(8);

const RETURN = '\r';
const DOWN = '\u001b[B';
const CTRL_C = '\u0003';
const SECRET = new Uint8Array(32).fill(7);
const RECIPIENT = ageRecipient(x25519PublicOfSecret(SECRET));
const FILE = 'session.cclink';
/** Nobody's; made here, so that no scanner takes it for one that leaked. */
const TOKEN = ['ghp', '_', 'n7Qx2LmT9vKc4RbW1sYd8HfZ5jGp3aEu6oXi'].join('');
const QUESTION = /GitHub token[\s\S]*what is to become of these keys and passwords\?/;

beforeEach(() => {
  goOn(laptop, `the token is ${TOKEN}, once more ${TOKEN}`);
});

const at = (name: string) => join(laptop.project, name);
const exporting = (...args: string[]) => ['export', '--recipient', RECIPIENT, '-o', FILE, ...args];

/** What was exported, as whoever it is for reads it. */
async function departed(name = FILE) {
  const keys = { secrets: async () => [Uint8Array.from(SECRET)] };
  const bundle = await readBundle(chunked(readFileSync(at(name))), keys);
  let text = JSON.stringify(bundle.manifest);
  for await (const { content } of bundle.files) text += (await collect(content)).toString();
  return { manifest: bundle.manifest, text };
}

describe('a session for somebody else', () => {
  it('is masked if one presses Return, and nobody sees the secret', async () => {
    const run = laptop.terminal(exporting());
    await run.answers(QUESTION, RETURN);
    expect(await run.end()).toBe(0);
    expect(run.text).toMatch(/GitHub token +1 value, \d places: a prompt/);
    expect(run.text).toContain('Masked: 1 × GitHub token');
    expect(run.raw).not.toContain(TOKEN);
    const { manifest, text } = await departed();
    expect(text).not.toContain(TOKEN);
    expect(text).toContain('the token is [masked 1: GitHub token], once more [masked 1: GitHub token]');
    expect(manifest.masked).toEqual([{ kind: 'GitHub token', count: 1 }]);
  });

  it('leaves as it is if one wants that', async () => {
    const run = laptop.terminal(exporting());
    await run.answers(QUESTION, `${DOWN}${RETURN}`);
    expect(await run.end()).toBe(0);
    expect(run.text).not.toContain('Masked:');
    const { manifest, text } = await departed();
    expect(text).toContain(TOKEN);
    expect(manifest).not.toHaveProperty('masked');
  });

  it.each([
    ['one stops', `${DOWN}${DOWN}${RETURN}`, 'Nothing was exported.'],
    ['Ctrl-C is pressed', CTRL_C, 'Interrupted. Nothing was exported.'],
  ])('does not leave if %s', async (_, keys, message) => {
    const run = laptop.terminal(exporting());
    await run.answers(QUESTION, keys);
    expect(await run.end()).toBe(130);
    expect(run.text).toContain(message);
    expect(readdirSync(laptop.project)).toEqual([]);
  });

  it('is masked with -y, and does not leave where nobody can be asked', async () => {
    const unasked = await laptop.run(exporting());
    expect(unasked).toMatchObject({ code: 2, stdout: '' });
    expect(unasked.stderr).toMatch(QUESTION);
    expect(unasked.stderr).toMatch(/-y.*--no-mask/);
    expect(await laptop.run(['export', '--recipient', RECIPIENT, '-o', '-', '-q'])).toMatchObject({
      code: 2,
      stdout: '',
    });
    expect(readdirSync(laptop.project)).toEqual([]);

    const masked = await laptop.run(exporting('-y', '--json'));
    expect(JSON.parse(masked.stdout)).toMatchObject({
      found: [
        {
          kind: 'GitHub token',
          values: 1,
          where: [{ what: 'a prompt', at: expect.any(String), times: 2 }],
        },
      ],
      masked: [{ kind: 'GitHub token', count: 1 }],
    });
    expect((await departed()).text).not.toContain(TOKEN);
    for (const { stdout, stderr } of [unasked, masked]) expect(stdout + stderr).not.toContain(TOKEN);
  });

  it('is neither looked through nor asked about with --no-mask, nor if it is one’s own', async () => {
    const { stdout, stderr } = await laptop.run(exporting('--no-mask', '-o', 'other.cclink'));
    expect([stdout, stderr]).toEqual([
      expect.stringContaining('cclink import'),
      expect.stringContaining('Nothing is masked'),
    ]);
    const { manifest, text } = await departed('other.cclink');
    expect(text).toContain(TOKEN);
    expect(manifest).not.toHaveProperty('masked');
    const own = await laptop.run(['export', '-o', FILE]);
    expect(own).toMatchObject({ code: 0, stderr: expect.not.stringMatching(/GitHub|[Mm]ask|found/) });
  });

  it('is shown with --dry-run as it would leave', async () => {
    const { code, stdout, stderr } = await laptop.run(exporting('--dry-run', '-v'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/Size +3 prompts, 1 file,[\s\S]*Masked +1 × GitHub token\n[\s\S]*Left out +/);
    expect(stderr).toMatch(/session\.jsonl \([\d.]+ kB\)/);
    expect(stdout + stderr).not.toContain(TOKEN);
    expect(existsSync(at(FILE))).toBe(false);
  });

  it('does not hold what was said while the question was open', async () => {
    const run = laptop.terminal(exporting());
    await run.sees(QUESTION);
    goOn(laptop, 'said since');
    run.type(RETURN);
    expect(await run.end()).toBe(0);
    const { manifest, text } = await departed();
    expect(text).not.toContain('said since');
    expect(manifest.turns).toBe(3);
  });

  it('leaves without the values of the environment and of .env files, and without what shows such files', async () => {
    const values = ['env', 'dot', 'seen', 'ours'].map((name) => `${name}-${'q7Wx2'.repeat(4)}`);
    const [variable = '', dotEnv = '', seen = '', ours = ''] = values;
    writeFileSync(at('.env'), `# of the shop\nSHOP="${dotEnv}"\n`);
    goOn(laptop, JSON.stringify({ escaped: JSON.stringify({ variable, dotEnv, ours }) }));
    shows('Read', { file_path: at('.env.production') }, `SHOP=${seen}`);
    const ran = await laptop.run(exporting('-y'), { env: { SHOP_API_KEY: variable, CCLINK_PASSPHRASE: ours } });
    expect(ran.code).toBe(0);
    const { text } = await departed();
    for (const value of values) expect(text + ran.stderr).not.toContain(value);
    expect(text).toMatch(/\[masked \d: value of an environment variable\]/);
    expect(text).toMatch(/\[masked \d: value from a \.env file\]/);
    expect(text).toContain('[left out by cclink: shows a file of secrets]');
  });

  it('does not name its file after a secret in its title', async () => {
    appendFileSync(transcriptOn(laptop), `${JSON.stringify({ type: 'custom-title', customTitle: TOKEN })}\n`);
    const { code, stdout, stderr } = await laptop.run(['export', '--recipient', RECIPIENT, '-y', '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(readdirSync(laptop.project)).toEqual([expect.stringMatching(/^masked-1-github-token-11111111\.cclink$/)]);
    expect(stdout).not.toContain(TOKEN);
  });

  it('is told from one in which nothing was found', async () => {
    laptop.addSession();
    const { code, stderr } = await laptop.run(exporting());
    expect([code, stderr]).toEqual([0, expect.stringContaining('No keys or passwords were found')]);
    expect((await departed()).manifest.masked).toEqual([]);
  });
});

/** Appends a call of a tool, and what it gave. */
function shows(name: string, input: object, output: string): void {
  const id = `toolu_${crypto.randomUUID()}`;
  goOn(laptop, [{ type: 'tool_use', id, name, input }], 'assistant');
  goOn(laptop, [{ type: 'tool_result', tool_use_id: id, content: output }]);
}

describe('a session for somebody else, in a folder', () => {
  it('is masked there, and so it arrives', async () => {
    const bob = new Machine('bob', network.bootstrap);
    const theirs = await bob.init();
    const publishing = ['publish', '--share', theirs, '--folder', shared];
    const unasked = await laptop.run(publishing);
    expect(unasked).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(QUESTION) });
    const no = laptop.terminal(publishing);
    await no.answers(QUESTION, `${DOWN}${DOWN}${RETURN}`);
    expect(await no.end()).toBe(130);
    expect(no.text).toContain('Nothing was published.');
    expect(readdirSync(shared)).toEqual([]);
    expect(await laptop.json(['list'])).toEqual([]);

    const dry = await laptop.run([...publishing, '--dry-run']);
    expect(dry).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Its files +into .*\n[\s\S]*Masked +1 × GitHub/),
    });
    expect(readdirSync(shared)).toEqual([]);

    const published = await laptop.json([...publishing, '-y']);
    expect(published).toMatchObject({ masked: [{ kind: 'GitHub token', count: 1 }] });
    const args = ['pickup', String(published['publicKey']), '--folder', shared, '--into', bob.project, '--no-run'];
    const run = bob.terminal(args);
    await run.answers(/ {2}Masked +1 × GitHub token\n[\s\S]*Bring it here/, 'y\r');
    expect(await run.end()).toBe(0);
    expect(textOn(bob)).toContain('the token is [masked 1: GitHub token]');
    expect(textOn(bob)).not.toContain(TOKEN);
    bob.remove();
  });
});

it('tells the other side what was masked', async () => {
  const { publicKey } = await desk.json(['whoami']);
  const file = at(FILE);
  await laptop.run(['export', '--share', String(publicKey), '-o', file, '-y']);
  const inspected = await desk.run(['import', file, '--inspect']);
  expect(inspected.stdout).toMatch(/^ {2}Masked +1 × GitHub token$/m);
  const imported = await desk.json(['import', file, '-y', '--into', desk.project]);
  expect(imported).toMatchObject({ imported: { masked: [{ kind: 'GitHub token', count: 1 }] } });
});
