import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodePublicKey, parsePublicKey } from '../../src/identity/public-key.ts';
import { MAX_LINE_BYTES } from '../../src/travel/bundle/limits.ts';
import { BUNDLE_SESSION, type BundleRecipe, lines, makeBundle, turnRecord } from '../support/hostile-bundle.ts';
import { Machine } from '../support/machine.ts';
import { peakIn, recordingPeak } from '../support/peak-memory.ts';
import { testKey } from '../support/test-key.ts';

const MALLORY = testKey(2);
const MALLORY_KEY = encodePublicKey(MALLORY.publicKey);
const NOBODY = '127.0.0.1:9';
/**
 * What an import of any large session takes at most. Newer versions of Node free large buffers later: 24
 * takes 205 to 250 MB where 20 takes 160 to 195.
 */
const RESIDENT_MB = Number(process.versions.node.split('.')[0]) < 22 ? 200 : 270;

let desk: Machine;
let key: string;

beforeEach(async () => {
  desk = new Machine('desk', NOBODY);
  key = await desk.init();
});
afterEach(() => desk.remove());

/** A bundle for this machine that Mallory signed, in a file. */
async function bundle(recipe: BundleRecipe = {}): Promise<string> {
  const path = join(desk.home, 'session.cclink');
  const forDesk: BundleRecipe = {
    signer: MALLORY.seed,
    ...recipe,
    manifest: (manifest) => {
      const meant = { ...manifest, audience: { mode: 'share', publicKey: key } };
      return recipe.manifest?.(meant) ?? meant;
    },
  };
  writeFileSync(path, await makeBundle(parsePublicKey(key), forDesk));
  return path;
}

/** Imports it as somebody does who named Mallory and a directory. */
const take = (file: string, ...more: string[]) => {
  const from = ['--from', MALLORY_KEY, '--into', desk.project];
  return desk.run(['import', file, '--yes', '--no-run', ...from, ...more], { env: recordingPeak(peakFile()) });
};
const peakFile = () => join(desk.home, 'peak');

const transcripts = () => {
  const projects = join(desk.claudeFolder, 'projects');
  if (!existsSync(projects)) return [];
  return readdirSync(projects, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl'));
};

describe("somebody else's session", () => {
  it('is taken only by who names its signer and a directory: neither -y nor one of both is enough', async () => {
    const file = await bundle();
    const without = [
      ['--yes'],
      ['--yes', '--into', desk.project],
      ['--yes', '--from', MALLORY_KEY],
      ['--from', MALLORY_KEY, '--into', desk.project],
    ];
    for (const options of without) {
      const { code, stdout } = await desk.run(['import', file, '--no-run', ...options]);
      expect([code, stdout], options.join(' ')).toEqual([2, '']);
    }
    expect(transcripts()).toEqual([]);
    const { code, stderr } = await take(file);
    expect(code, stderr).toBe(0);
    expect(transcripts()).toHaveLength(1);
    expect(stderr).toMatch(/somebody else/);
  });

  it('is not taken for that of the key named, whoever else signed it, or if nobody did', async () => {
    for (const recipe of [{ signer: testKey(4).seed }, { signer: null }]) {
      const { code, stderr } = await take(await bundle(recipe));
      expect(code, stderr).toBe(5);
    }
    expect(transcripts()).toEqual([]);
  });

  it('says nothing to the terminal but text, whatever it is called', async () => {
    const evil = '\u001b]0;EVIL\u0007\u001b[2J\u009b31m\u202e\nFrom: yourself\r';
    const manifest: BundleRecipe['manifest'] = (fields) => ({
      ...fields,
      title: evil,
      lastPrompt: evil,
      host: evil,
      directory: `/home/${evil}`,
      claudeVersion: evil,
      git: { remote: evil, branch: evil, commit: null, prefix: '', changedFiles: 1, unpushedCommits: 1 },
      tools: [evil],
      mcpServers: [evil],
      left: [{ what: evil, why: evil }],
    });
    const title = JSON.stringify({ type: 'custom-title', customTitle: evil, sessionId: BUNDLE_SESSION });
    const transcript = lines(turnRecord(0, evil), turnRecord(1, evil), title);
    const file = await bundle({ manifest, files: { 'session.jsonl': transcript } });
    for (const run of [
      await desk.run(['import', file, '--inspect']),
      await desk.run(['import', file, '--inspect', '--json']),
      await take(file, '--verbose'),
      await take(file, '--json'),
    ]) {
      expect(run.code, run.stderr).toBe(0);
      expect(run.stdout + run.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(run.stdout + run.stderr).not.toMatch(/^From: yourself/m);
    }
  });
});

/** Text that is no bomb. */
const incompressible = (length: number) => randomBytes(Math.floor(length * 0.75)).toString('base64');

/** A transcript in which two lines hold `count` of these in any order: closed if they are not. */
function withStructure(count: number, parts: readonly string[]): BundleRecipe {
  const bits = randomBytes(count);
  const inner = Array.from(bits, (byte) => parts[byte % parts.length]).join('');
  const closers = [...inner].reverse().flatMap((one) => (one === '[' ? ']' : one === '{' ? '}' : []));
  const value = parts.includes('[') ? `${inner}1${closers.join('')}` : `[${inner}1]`;
  const line = (number: number) => turnRecord(number).replace('"parentUuid"', `"x":${value},"parentUuid"`);
  return { files: { 'session.jsonl': lines(turnRecord(0), line(1), line(2), turnRecord(3)) } };
}

/** What would take much memory, and the exit code of its import. */
const LARGE: Readonly<Record<string, readonly [code: number, recipe: () => BundleRecipe]>> = {
  'lines of 16 MB, one after another': [
    0,
    () => {
      const long = incompressible(MAX_LINE_BYTES - 1000);
      return { files: { 'session.jsonl': lines(...[0, 1].map((number) => turnRecord(number, long))) } };
    },
  ],
  'a line of 20 MB': [
    0,
    () => ({ files: { 'session.jsonl': lines(turnRecord(0), turnRecord(1, incompressible(20e6)), turnRecord(2)) } }),
  ],
  'lines of 15 MB that are nothing but objects': [0, () => withStructure(4_000_000, ['{},', '[],', '{},[],'])],
  'lines of 15 MB that are nothing but brackets': [0, () => withStructure(3_000_000, ['[', '{"a":'])],
  '300,000 lines': [
    0,
    () => {
      const many = Array.from({ length: 300_000 }, (_, number) => `{"type":"mode","mode":"${number}"}\n`).join('');
      return { files: { 'session.jsonl': Buffer.concat([lines(turnRecord(0), turnRecord(1)), Buffer.from(many)]) } };
    },
  ],
  '100,000 records': [
    0,
    () => {
      const all = Array.from({ length: 100_000 }, (_, number) => `${turnRecord(number)}\n`).join('');
      return { files: { 'session.jsonl': Buffer.from(all) } };
    },
  ],
  '1 GB of zeros in a file of 1 MB': [
    5,
    () => {
      // Members of gzip may follow each other: here, one that is 64 MB of zeros.
      const zeros = gzipSync(Buffer.alloc(64 * 1024 * 1024));
      return { packed: (gzip) => Buffer.concat([gzip, ...Array.from({ length: 16 }, () => zeros)]) };
    },
  ],
  '100,000 members of gzip that hold nothing': [
    0,
    () => {
      const nothing = gzipSync(Buffer.alloc(0));
      return { packed: (gzip) => Buffer.concat([gzip, ...Array.from({ length: 100_000 }, () => nothing)]) };
    },
  ],
};

describe('an import takes no more memory than other large ones for', () => {
  it.each(Object.entries(LARGE))(
    '%s',
    async (_, [code, recipe]) => {
      const run = await take(await bundle(recipe()));
      expect(run.code, run.stderr).toBe(code);
      expect(peakIn(peakFile())).toBeLessThan(RESIDENT_MB);
    },
    40_000,
  );
});
