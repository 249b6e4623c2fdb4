// Installs and builds what is missing or out of date, so that `npm run demo` and `npm test` need nothing before them.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modified = (path) => (existsSync(join(root, path)) ? statSync(join(root, path)).mtimeMs : 0);

/** The newest modification time below a folder, in milliseconds. */
function newestBelow(folder) {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Math.max(...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

function run(program, args) {
  // npm is a .cmd file on Windows, which only a shell starts; the arguments are all our own.
  const result = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
  console.error('Installing the development dependencies (once) ...');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}
const sources = Math.max(newestBelow('src'), modified('scripts/build.mjs'), modified('package.json'));
if (modified('dist/main.js') < sources) {
  console.error('Building dist/ ...');
  run('node', ['scripts/build.mjs']);
}
