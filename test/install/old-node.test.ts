import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = join(import.meta.dirname, '../..');
const entry = join(root, 'bin/cclink.cjs');

/** Starts cclink on this Node, which says that it is another one. */
function startOn(version: string, ...args: string[]) {
  const disguise = join(temporaryFolder(), 'disguise.cjs');
  writeFileSync(
    disguise,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
     Object.defineProperty(process, 'version', { value: 'v${version}' });`,
  );
  return spawnSync(process.execPath, ['-r', disguise, entry, ...args], { encoding: 'utf8' });
}

describe('on an old Node', () => {
  it.each(['0.10.48', '4.9.1', '12.22.12', '16.20.2', '18.20.4', '20.18.3'])(
    '(%s) any start is two plain lines: what was found, and what to do',
    (version) => {
      for (const args of [[], ['--version'], ['pickup', '-y']]) {
        const { status, stdout, stderr } = startOn(version, ...args);
        expect([status, stdout]).toEqual([2, '']);
        expect(stderr.split('\n')).toEqual([
          `Error: This is Node v${version} (${process.execPath}), and cclink needs 20.19 or newer.`,
          expect.stringMatching(/^Put a newer Node first on your PATH.*install\.sh/),
          '',
        ]);
      }
    },
  );

  it('the error is JSON where that is asked for', () => {
    const { status, stdout, stderr } = startOn('16.20.2', 'list', '--json');
    expect([status, stdout]).toEqual([2, '']);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'usage', message: expect.stringContaining('v16.20.2') },
    });
  });

  it.each(['20.19.0', '22.0.0', '100.1.0'])('(but %s is none) it starts', (version) => {
    expect(startOn(version, '--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^cclink \d+\.\d+/),
    });
  });

  it('the first file is read without an error, since it is ES5', () => {
    const text = readFileSync(entry, 'utf8').replace(/^(#!|\s*\/\/).*/gm, '');
    expect(() => transformSync(text, { target: 'es5' })).not.toThrow();
    // What esbuild would have translated, and what an old library lacks.
    expect(text).not.toMatch(/=>|`|\.\.\.|\?\.|\b(let|const|class|async|import)\b|hasOwn|includes|padStart/);
  });

  it('the limit is that of package.json and of install.sh', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
    const [major, minor] = engines.node.replace('>=', '').split('.');
    expect(readFileSync(entry, 'utf8')).toContain(`var needed = [${major}, ${minor}];`);
    expect(readFileSync(join(root, 'install.sh'), 'utf8')).toContain(`NODE_MAJOR=${major} NODE_MINOR=${minor}\n`);
  });
});
