import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Where packages that were downloaded are kept, each in a folder by its name. */
const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/public-code', import.meta.url));

/** A package as its registry's own client brings it: `npm:name@version`, `pypi:…`, `go:…`, `crate:…`. */
export type PublicPackage = `${keyof typeof CLIENTS}:${string}@${string}`;

async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...args], { cwd, maxBuffer: 2 ** 26, timeout: 240_000 });
  return stdout;
}

/** How each client brings a package into an empty folder; what it resolves to is where the code is. */
const CLIENTS = {
  async npm(name: string, version: string, folder: string): Promise<string> {
    await run('npm', ['pack', '--silent', `${name}@${version}`], folder);
    await run('tar', ['xzf', ...readdirSync(folder)], folder);
    return folder;
  },
  async pypi(name: string, version: string, folder: string): Promise<string> {
    const wheel = ['--no-deps', '--only-binary=:all:', '--python-version=3.12', '--platform=manylinux2014_x86_64'];
    await run('python3', ['-m', 'pip', 'download', '-q', ...wheel, `${name}==${version}`], folder);
    await run('python3', ['-m', 'zipfile', '-e', ...readdirSync(folder), '.'], folder);
    return folder;
  },
  async go(name: string, version: string, folder: string): Promise<string> {
    return JSON.parse(await run('go', ['mod', 'download', '-json', `${name}@${version}`], folder)).Dir;
  },
  async crate(name: string, version: string, folder: string): Promise<string> {
    const uses = `[dependencies]\n${name} = { version = "=${version}", default-features = false }\n`;
    writeFileSync(join(folder, 'Cargo.toml'), `[package]\nname = "uses"\nversion = "0.0.0"\nedition = "2021"\n${uses}`);
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/lib.rs'), '');
    const { packages } = JSON.parse(await run('cargo', ['metadata', '--format-version=1', '-q'], folder));
    return dirname(packages.find((it: { name: string; version: string }) => it.name === name).manifest_path);
  },
} as const;

/** The folder with the code of a package, downloaded if it is not here yet. Rejects if that fails. */
export async function publicCode(name: PublicPackage): Promise<string> {
  const [client = '', rest = ''] = name.split(/:(.*)/s);
  const at = rest.lastIndexOf('@');
  const kept = join(FOLDER, name.replace(/[^\w.@-]/g, '+'));
  const bring = CLIENTS[client as keyof typeof CLIENTS];
  if (client === 'go' || client === 'crate') {
    // These clients keep what they download, where they unpack it.
    const folder = join(tmpdir(), `cclink-public-code-${process.pid}-${basename(kept)}`);
    mkdirSync(folder);
    try {
      return await bring(rest.slice(0, at), rest.slice(at + 1), folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  if (existsSync(kept)) return kept;
  const half = `${kept}.${process.pid}`;
  mkdirSync(half, { recursive: true });
  await bring(rest.slice(0, at), rest.slice(at + 1), half);
  renameSync(half, kept);
  return kept;
}
