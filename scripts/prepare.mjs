// Installs and builds what is missing or out of date, so that `npm run demo` and `npm test` need nothing
// before them. With --no-install it only builds.
//
//   node scripts/prepare.mjs [--no-install]
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { digestOfSources, STAMP } from './sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { 'no-install': { type: 'boolean' } } });

function run(program, args) {
  // npm is a .cmd file on Windows, which only a shell starts; the arguments are all our own.
  const result = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

const modified = (path) => (existsSync(join(root, path)) ? statSync(join(root, path)).mtimeMs : 0);
if (!values['no-install'] && modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
  console.error('Installing the development dependencies (once) ...');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}
if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== digestOfSources()) {
  console.error('Building dist/ ...');
  run('node', ['scripts/build.mjs']);
}
