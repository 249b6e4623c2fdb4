import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { Machine, SESSION, type TerminalRun } from '../support/machine.ts';
import { CLAUDE_VERSIONS } from './install-claude.ts';
import { converse, installRealClaude, requestsOf, rewind, transcriptsOf, WAIT } from './real-claude.ts';

let network: PrivateNetwork;
/** Of two people. */
let laptop: Machine;
let desk: Machine;
let me: string;
let colleague: string;
/** The last `claude` that runs. */
let run: TerminalRun | null = null;

beforeAll(async () => {
  network = await startPrivateNetwork({ nodes: 8 });
});

afterAll(() => network.close());

beforeEach(async () => {
  laptop = new Machine('laptop', network.bootstrap);
  desk = new Machine('desk', network.bootstrap);
  me = await laptop.init();
  colleague = await desk.init();
});

afterEach(async () => {
  run?.kill('SIGTERM');
  await run?.end();
  run = null;
  laptop.remove();
  desk.remove();
});

/** No scanner must take a secret of these tests for a real one, so they are made here. */
const token = () => ['ghp', randomBytes(18).toString('hex')].join('_');
const password = () => randomBytes(9).toString('hex');

describe.each(CLAUDE_VERSIONS)('a masked session, with Claude Code %s', (version) => {
  it('goes on with somebody else: the model has all of it but the secrets, and /rewind works', async () => {
    for (const machine of [laptop, desk]) installRealClaude(machine, version);
    const secrets = { said: token(), inFile: password(), onlyInFile: password() };
    const namesIn = (text: string) =>
      Object.entries(secrets).flatMap(([name, each]) => (text.includes(each) ? name : []));
    writeFileSync(join(laptop.project, '.env'), `DB_PASSWORD="${secrets.inFile}"\nNOTE='${secrets.onlyInFile}'\n`);
    await converse(laptop, [
      `Remember the word ZEBRA. My token is ${secrets.said}`,
      `think of ${secrets.inFile}`,
      'think of nothing',
      'read .env',
      `write notes.txt ${secrets.said}`,
      'write notes.txt two',
    ]);
    const before = transcriptsOf(laptop).get(SESSION) ?? '';
    expect(before.match(/"type":"thinking"/g)).toHaveLength(2);
    expect(namesIn(before)).toEqual(['said', 'inFile', 'onlyInFile']);

    const bundle = join(laptop.home, 'masked.cclink');
    const args = ['export', SESSION, '--share', colleague, '-o', bundle, '-y'];
    const { code, stderr } = await laptop.run(args);
    expect(code, stderr).toBe(0);
    run = desk.terminal(['import', bundle, '--into', desk.project, '--from', me, '-y', '--', 'which word?'], {
      cwd: desk.home,
    });
    await expect.poll(() => transcriptsOf(desk).get(SESSION), WAIT).toMatch(/which word\?[\s\S]*The word is ZEBRA\./);

    expect(namesIn(JSON.stringify(requestsOf(desk)))).toEqual([]);
    // Not in its whole home: claude works there.
    for (const folder of ['projects', 'file-history']) {
      expect(namesIn(everythingIn(join(desk.claudeFolder, folder)))).toEqual([]);
    }
    const messages = JSON.stringify(requestsOf(desk).at(-1)?.messages);
    expect(messages).toContain('My token is [masked 1: GitHub token]');
    expect(messages).toContain('think of [masked 2: value from a .env file]');
    expect(messages).toContain('write notes.txt [masked 1: GitHub token]');
    expect(messages).toContain('[left out by cclink: shows a file of secrets]');
    const after = transcriptsOf(desk).get(SESSION) ?? '';
    expect(after.match(/"type":"thinking"/g)).toHaveLength(1);

    const notes = join(desk.project, 'notes.txt');
    writeFileSync(notes, 'two');
    const restored = () => readFileSync(notes, 'utf8') === '[masked 1: GitHub token]';
    await rewind(run, [/which.?word/, /write.?notes\.txt.?two/], restored);
  });
});

/** The content of all files below a folder. */
function everythingIn(folder: string): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')).join('\n');
}
