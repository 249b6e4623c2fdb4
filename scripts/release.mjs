// Makes what a release consists of: the tarball under its version and under the one name install.sh asks for, their
// checksums, and install.sh. The same files in give the same tarball, byte for byte. No network.
//
//   node scripts/release.mjs [--no-build] [folder, default release/]
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({ options: { 'no-build': { type: 'boolean' } }, allowPositionals: true });
const folder = resolve(positionals[0] ?? join(root, 'release'));

if (!values['no-build']) {
  execFileSync(process.execPath, [join(root, 'scripts/prepare.mjs')], { stdio: 'inherit' });
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tarball = gzip(tar(packedFiles()));
mkdirSync(folder, { recursive: true });
for (const name of [`cclink-${version}.tar.gz`, 'cclink.tar.gz']) {
  writeFileSync(join(folder, name), tarball);
  writeFileSync(join(folder, `${name}.sha256`), `${createHash('sha256').update(tarball).digest('hex')}  ${name}\n`);
  console.log(`${join(folder, name)} (${tarball.length} bytes) and its .sha256`);
}
copyFileSync(join(root, 'install.sh'), join(folder, 'install.sh'));
console.log(join(folder, 'install.sh'));

/** What `npm pack` would ship, in one fixed order: `{ path, executable }`, the path relative to the root with slashes. */
function packedFiles() {
  // npm is a .cmd file on Windows, which only a shell starts; the arguments are all our own.
  const json = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
  // An array of packages, or from npm 12 an object of them; we are the only one.
  const [{ files }] = Object.values(JSON.parse(json));
  const paths = files.map((file) => file.path).sort();
  for (const needed of ['bin/cclink.cjs', 'dist/main.js', 'package.json']) {
    if (!paths.includes(needed)) throw new Error(`npm pack would not ship ${needed}.`);
  }
  return paths.map((path) => ({ path, executable: path.startsWith('bin/') }));
}

/** A ustar archive below package/, as npm's are, so that `npm install` takes it too; owners, times and modes are fixed. */
function tar(files) {
  const blocks = files.flatMap(({ path, executable }) => {
    const content = readFileSync(join(root, path));
    return [header(`package/${path}`, content.length, executable ? 0o755 : 0o644), padded(content)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** The 512 bytes before a file: POSIX.1-1988 ustar. */
function header(name, size, mode) {
  if (Buffer.byteLength(name) > 100) throw new Error(`The name is too long for a ustar header: ${name}`);
  const octal = (number, digits) => `${number.toString(8).padStart(digits, '0')}\0`;
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108); // owner
  block.write(octal(0, 7), 116); // group
  block.write(octal(size, 11), 124);
  block.write(octal(499162500, 11), 136); // 1985-10-26T08:15:00Z in seconds, the time npm gives every file
  block.fill(' ', 148, 156); // the checksum counts as spaces while it is reckoned
  block.write('0', 156); // an ordinary file
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)} `, 148);
  return block;
}

function padded(content) {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function gzip(bytes) {
  const zipped = gzipSync(bytes, { level: 9 });
  zipped[9] = 255; // the system it was made on: not said
  return zipped;
}
