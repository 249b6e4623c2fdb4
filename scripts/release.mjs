// Makes what a release consists of: the tarball under its version and under the one name install.sh asks for,
// their checksums, and install.sh. The tarball is what `npm pack` makes. No network.
//
//   node scripts/release.mjs [--no-build] [folder, default release/]
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({ options: { 'no-build': { type: 'boolean' } }, allowPositionals: true });
const folder = resolve(positionals[0] ?? join(root, 'release'));

if (!values['no-build']) {
  execFileSync(process.execPath, [join(root, 'scripts/prepare.mjs')], { stdio: 'inherit' });
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tarball = packed();
mkdirSync(folder, { recursive: true });
for (const name of [`cclink-${version}.tar.gz`, 'cclink.tar.gz']) {
  writeFileSync(join(folder, name), tarball);
  writeFileSync(join(folder, `${name}.sha256`), `${createHash('sha256').update(tarball).digest('hex')}  ${name}\n`);
  console.log(`${join(folder, name)} (${tarball.length} bytes) and its .sha256`);
}
copyFileSync(join(root, 'install.sh'), join(folder, 'install.sh'));
console.log(join(folder, 'install.sh'));

/**
 * The package as a tarball. npm gives every file the same time and owner, but keeps its mode, which a strict
 * umask changes. So it packs a copy of the files with fixed modes, and makes the same bytes of them each
 * time.
 */
function packed() {
  const copy = mkdtempSync(join(tmpdir(), 'cclink-release-'));
  try {
    const paths = npmPack(root, '--dry-run').files.map((file) => file.path);
    for (const needed of ['bin/cclink.cjs', 'bin/start.cjs', 'dist/main.js', 'dist/cclink.1', 'package.json']) {
      if (!paths.includes(needed)) throw new Error(`npm pack would not ship ${needed}.`);
    }
    for (const path of paths) {
      mkdirSync(dirname(join(copy, path)), { recursive: true });
      copyFileSync(join(root, path), join(copy, path));
      chmodSync(join(copy, path), path.startsWith('bin/') ? 0o755 : 0o644);
    }
    return readFileSync(join(copy, npmPack(copy).filename));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Runs `npm pack` in a folder; what it tells of the package. */
function npmPack(cwd, ...options) {
  // npm is a .cmd file on Windows, which only a shell starts; the arguments are all our own.
  const json = execFileSync('npm', ['pack', '--json', '--ignore-scripts', ...options], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
  // An array of packages, or from npm 12 an object of them; we are the only one.
  return Object.values(JSON.parse(json))[0];
}
