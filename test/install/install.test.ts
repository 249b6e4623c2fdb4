import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const script = readFileSync(join(root, 'install.sh'), 'utf8');
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** The first program of that name on our own PATH. */
function which(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

type Reply = Buffer | string | ((response: ServerResponse) => void);

let server: Server;
let base: string;
/** What the server holds, by path; anything else is 404. */
let site: Map<string, Reply>;
let asked: string[];

let world: string;
let home: string;
let temporary: string;
let tools: string;
let prefix: string;
let children: ChildProcess[];

beforeEach(async () => {
  site = new Map();
  asked = [];
  children = [];
  server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const reply = site.get(path);
    if (reply === undefined) response.writeHead(404).end('Not Found');
    else if (typeof reply === 'function') reply(response);
    else response.end(reply);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  // Every path has a space in it, so every test also tests quoting.
  world = mkdtempSync(join(tmpdir(), 'cclink install '));
  home = join(world, 'home');
  temporary = join(world, 'tmp');
  tools = join(world, 'tools');
  prefix = join(home, '.local');
  for (const folder of [home, temporary, tools]) mkdirSync(folder);
  for (const name of [
    ...['cat', 'chmod', 'curl', 'grep', 'gzip', 'head', 'ldd', 'mkdir', 'mktemp', 'mv', 'openssl', 'readlink', 'rm'],
    ...['sed', 'sh', 'sha256sum', 'shasum', 'tar', 'tr', 'uname'],
  ]) {
    const path = which(name);
    if (path) symlinkSync(path, join(tools, name));
  }
  nodeOnPath(process.version);
  publish('1.0.0');
});

afterEach(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(world, { recursive: true, force: true });
});

function tool(name: string, text: string) {
  rmSync(join(tools, name), { force: true });
  writeFileSync(join(tools, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

const without = (...names: string[]) => {
  for (const name of names) rmSync(join(tools, name), { force: true });
};

/** A node that claims to be `version`, but otherwise is the one that runs this test. */
const nodeText = (version: string) =>
  `if [ "$1" = --version ]; then echo '${version}'; else exec '${process.execPath}' "$@"; fi`;

/** A Node at `path` that says that it is there, and a shim on PATH that starts it. */
function nodeAt(path: string) {
  mkdirSync(dirname(path), { recursive: true });
  const text = `if [ "$1" = -p ]; then printf '%s\\n' "${path}"; else exec '${process.execPath}' "$@"; fi`;
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  tool('node', `exec "${path}" "$@"`);
}

const nodeOnPath = (version: string) => tool('node', nodeText(version));

function tarball(files: Record<string, string>): Buffer {
  const folder = mkdtempSync(join(world, 'made-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
  }
  const bytes = execFileSync('tar', ['-czf', '-', ...readdirSync(folder)], { cwd: folder });
  rmSync(folder, { recursive: true });
  return bytes;
}

/** Publishes a tiny cclink that prints its version, or its arguments. */
function publish(
  version: string,
  program = `console.log(process.argv[2] === '--version' ? '${version}' : JSON.stringify(process.argv.slice(2)));`,
  more: Record<string, string> = {},
) {
  const bytes = tarball({
    'package/bin/cclink.cjs': `import('../dist/main.js');\n`,
    'package/dist/main.js': program,
    [`package/dist/chunk-${version}.js`]: '',
    'package/package.json': JSON.stringify({ name: 'cclink', version, type: 'module' }),
    ...more,
  });
  publishBytes(bytes);
  return bytes;
}

function publishBytes(bytes: Buffer) {
  site.set('/cclink.tar.gz', bytes);
  site.set('/cclink.tar.gz.sha256', `${sha256(bytes)}  cclink.tar.gz\n`);
}

/** Publishes a Node.js as nodejs.org does, and makes this a system of that kind. */
function publishNode(
  version: string,
  { system = 'Linux', machine = 'x86_64', platform = 'linux-x64', text = nodeText(version) } = {},
) {
  tool('uname', `case $1 in -s) echo ${system} ;; -m) echo ${machine} ;; esac`);
  tool('ldd', 'echo "ldd (GNU libc) 2.36"');
  const name = `node-${version}-${platform}`;
  const bytes = tarball({
    [`${name}/bin/node`]: `#!/bin/sh\n${text}\n`,
    [`${name}/bin/npm`]: '#!/bin/sh\n',
    [`${name}/LICENSE`]: 'The licence of Node.js',
    [`${name}/include/node/node.h`]: '',
  });
  site.set(`/node/${name}.tar.gz`, bytes);
  site.set(
    '/node/SHASUMS256.txt',
    [
      `${sha256('headers')}  node-${version}-headers.tar.gz`,
      `${sha256('xz')}  ${name}.tar.xz`,
      `${sha256(bytes)}  ${name}.tar.gz`,
      `${sha256('other')}  node-${version}-aix-ppc64.tar.gz`,
      `${sha256('exe')}  win-x64/node.exe`,
      '',
    ].join('\n'),
  );
  return name;
}

interface Result {
  code: number | null;
  out: string;
  err: string;
}

function finished(child: ChildProcess): Promise<Result> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (data) => {
    out += data;
  });
  child.stderr?.on('data', (data) => {
    err += data;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

type Options = { env?: Record<string, string>; shell?: string; text?: string };

/** Starts install.sh like `curl ... | sh -s -- args` does, in a process group of its own. */
function start(args: string[] = [], { env = {}, shell = 'sh', text = script }: Options = {}): ChildProcess {
  const child = spawn(which(shell) ?? shell, ['-s', '--', ...args], {
    cwd: home,
    detached: true,
    env: {
      HOME: home,
      TMPDIR: temporary,
      PATH: tools,
      SHELL: '/bin/zsh',
      CCLINK_BASE_URL: base,
      CCLINK_NODE_URL: `${base}/node`,
      ...env,
    },
  });
  children.push(child);
  // A script that ends early closes its pipe.
  child.stdin.on('error', () => {});
  child.stdin.end(text);
  return child;
}

const run = (args: string[] = [], options: Options = {}) => finished(start(args, options));

async function installed(args: string[] = [], options: Options = {}): Promise<Result> {
  const result = await run(args, options);
  expect(result).toMatchObject({ code: 0, err: '' });
  expect(readdirSync(temporary)).toEqual([]);
  return result;
}

/** What the installed launcher prints. */
function cclink(...args: string[]): string {
  return execFileSync(join(prefix, 'bin/cclink'), args, { encoding: 'utf8', env: { PATH: tools } }).trim();
}

/** Every file below PREFIX with its content. */
function files(): string[] {
  if (!existsSync(prefix)) return [];
  return readdirSync(prefix, { recursive: true, encoding: 'utf8' })
    .filter((path) => !lstatSync(join(prefix, path)).isDirectory())
    .map((path) => {
      const whole = join(prefix, path);
      return `${path} ${lstatSync(whole).isSymbolicLink() ? readlinkSync(whole) : sha256(readFileSync(whole))}`;
    })
    .sort();
}

const paths = () => files().map((line) => line.slice(0, line.lastIndexOf(' ')));

interface Refusal {
  code: number;
  says: RegExp;
}

/** Runs install.sh, which must fail as told, change nothing, and leave nothing behind. */
async function refused({ code, says }: Refusal, args: string[] = [], options: Options = {}): Promise<Result> {
  const before = files();
  const result = await run(args, options);
  expect(result.err).toMatch(says);
  expect(result.code).toBe(code);
  expect(files()).toEqual(before);
  expect(readdirSync(temporary)).toEqual([]);
  return result;
}

describe.skipIf(process.platform === 'win32')('install.sh', () => {
  describe('installs', () => {
    it('the program and a launcher that hands its arguments on', async () => {
      const { out } = await installed();
      expect(out).toContain(`Installed cclink 1.0.0 as ${prefix}/bin/cclink`);
      expect(paths()).toEqual([
        'bin/cclink',
        'lib/cclink/.installed',
        'lib/cclink/bin/cclink.cjs',
        'lib/cclink/dist/chunk-1.0.0.js',
        'lib/cclink/dist/main.js',
        'lib/cclink/package.json',
      ]);
      expect(cclink('pickup', 'a b', '', "'$x")).toBe(JSON.stringify(['pickup', 'a b', '', "'$x"]));
      expect(asked.some((path) => path.startsWith('/node'))).toBe(false);
    });

    it('the man page, which goes with the program, and leaves another one alone', async () => {
      const page = () => join(prefix, 'share/man/man1/cclink.1');
      const publishWithPage = (text: string) => publish('1.0.0', undefined, { 'package/dist/cclink.1': text });
      publishWithPage('.TH CCLINK 1\n');
      await installed();
      expect(readFileSync(page(), 'utf8')).toBe(`.\\" Written by cclink's install.sh\n.TH CCLINK 1\n`);
      publishWithPage('.TH CCLINK 1 new\n');
      await installed();
      expect(readFileSync(page(), 'utf8')).toContain('new');
      await installed(['--uninstall']);
      expect(existsSync(page())).toBe(false);

      writeFileSync(page(), '.TH MINE 1\n');
      await installed();
      await installed(['--uninstall']);
      expect(readFileSync(page(), 'utf8')).toBe('.TH MINE 1\n');
    });

    it('below a PREFIX with spaces and quotes in it', async () => {
      prefix = join(world, `it's "my" $PREFIX`);
      await installed([], { env: { PREFIX: `${prefix}/` } });
      expect(cclink('--version')).toBe('1.0.0');
    });

    it('below a PREFIX relative to the current folder', async () => {
      prefix = join(home, 'own');
      await installed([], { env: { PREFIX: 'own' } });
      expect(cclink('--version')).toBe('1.0.0');
    });

    it.each(['dash', 'bash'].filter(which))('with %s as the shell', async (shell) => {
      await installed([], { shell });
      expect(cclink('--version')).toBe('1.0.0');
    });

    it.each(['sha256sum', 'shasum', 'openssl'].filter(which))('with %s alone to check with', async (only) => {
      without(...['sha256sum', 'shasum', 'openssl'].filter((name) => name !== only));
      await installed();
      expect(cclink('--version')).toBe('1.0.0');
      site.set('/cclink.tar.gz', publish('2.0.0').subarray(1));
      await refused({ code: 5, says: /does not match its published checksum/ });
    });
  });

  describe('updates', () => {
    it('by replacing the program whole, and says which by which, without telling how to begin', async () => {
      await installed();
      publish('1.1.0');
      const env = { PATH: `${tools}:${prefix}/bin` };
      expect((await installed([], { env })).out).toBe(`Updated cclink from 1.0.0 to 1.1.0, as ${prefix}/bin/cclink\n`);
      expect((await installed([], { env })).out).toBe(`Installed cclink 1.1.0 again, as ${prefix}/bin/cclink\n`);
      expect(cclink('--version')).toBe('1.1.0');
      expect(paths()).toContain('lib/cclink/dist/chunk-1.1.0.js');
      expect(paths()).not.toContain('lib/cclink/dist/chunk-1.0.0.js');
      expect(paths()).toHaveLength(6);
    });

    it.each([
      ['SIGTERM', 143],
      ['SIGINT', 130],
      ['SIGHUP', 129],
    ] as const)('or, stopped by %s, keeps the old one and leaves no temporary files', async (signal, code) => {
      await installed();
      const before = files();
      const child = await stalled();
      const end = finished(child);
      process.kill(-(child.pid ?? Number.NaN), signal);
      expect((await end).code).toBe(code);
      expect(files()).toEqual(before);
      expect(readdirSync(temporary)).toEqual([]);
      expect(cclink('--version')).toBe('1.0.0');
    });

    it('or, killed outright, keeps the old one', async () => {
      await installed();
      const child = await stalled();
      const end = finished(child);
      process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
      await end;
      expect(cclink('--version')).toBe('1.0.0');
    });

    it.each([
      ['fails', 'exit 1', { code: 1, says: /Could not put the new cclink into .*\n.*kept/ }],
      ['is stopped', 'kill -TERM $PPID; exit 0', { code: 143, says: /^$/ }],
    ])('or, when the last rename %s, puts the old one back', async (_, text, refusal) => {
      await installed();
      publish('1.1.0');
      tool('mv', `case $1 in */.cclink-update.*/cclink) ${text} ;; *) exec '${which('mv')}' "$@" ;; esac`);
      await refused(refusal);
      expect(cclink('--version')).toBe('1.0.0');
    });

    /** An update that gets half of the tarball and then no more. */
    async function stalled(): Promise<ChildProcess> {
      const bytes = publish('1.1.0');
      return new Promise((resolve) => {
        site.set('/cclink.tar.gz', (response) => {
          response.writeHead(200, { 'content-length': bytes.length });
          response.write(bytes.subarray(0, bytes.length / 2), () => resolve(child));
        });
        const child = start();
      });
    }
  });

  describe('refuses, on a new machine and over an old version,', () => {
    const mismatch: Refusal = { code: 5, says: /does not match its published checksum/ };
    const misshapen: Refusal = { code: 5, says: /is not a SHA-256/ };
    const failures: [string, Refusal, (bytes: Buffer) => void][] = [
      [
        'a corrupted tarball',
        mismatch,
        (bytes) => {
          const wrong = Buffer.from(bytes);
          wrong[100] = (wrong[100] ?? 0) ^ 1;
          site.set('/cclink.tar.gz', wrong);
        },
      ],
      ['half a tarball', mismatch, (bytes) => site.set('/cclink.tar.gz', bytes.subarray(0, bytes.length / 2))],
      [
        'a transfer that breaks off',
        { code: 6, says: /Could not download .*\/cclink\.tar\.gz\nNothing was changed/ },
        (bytes) =>
          site.set('/cclink.tar.gz', (response) => {
            response.writeHead(200, { 'content-length': bytes.length * 2 });
            response.write(bytes, () => response.destroy());
          }),
      ],
      [
        'a tarball that is not there',
        { code: 6, says: /404[\s\S]*Could not download .*\/cclink\.tar\.gz\n/ },
        () => site.delete('/cclink.tar.gz'),
      ],
      [
        'a server that fails',
        { code: 6, says: /Could not download/ },
        () => site.set('/cclink.tar.gz', (response) => response.writeHead(500).end()),
      ],
      [
        'a checksum that is not there',
        { code: 6, says: /Could not download .*\/cclink\.tar\.gz\.sha256\n/ },
        () => site.delete('/cclink.tar.gz.sha256'),
      ],
      ['an empty checksum', misshapen, () => site.set('/cclink.tar.gz.sha256', '')],
      [
        'a web page for a checksum',
        misshapen,
        () => site.set('/cclink.tar.gz.sha256', '<!doctype html>\n<p>Sign in to the network</p>\n'),
      ],
      [
        'a checksum one digit short',
        misshapen,
        (bytes) => site.set('/cclink.tar.gz.sha256', `${sha256(bytes).slice(1)}  cclink.tar.gz\n`),
      ],
      [
        'a checksum with a wrong digit in it',
        misshapen,
        (bytes) => site.set('/cclink.tar.gz.sha256', `g${sha256(bytes).slice(1)}  cclink.tar.gz\n`),
      ],
      [
        'a checksum of another file',
        misshapen,
        (bytes) => site.set('/cclink.tar.gz.sha256', `${sha256(bytes)}  other.tar.gz\n`),
      ],
      ['a checksum without a name', misshapen, (bytes) => site.set('/cclink.tar.gz.sha256', `${sha256(bytes)}\n`)],
      ['what is not a tarball', { code: 1, says: /Could not unpack/ }, () => publishBytes(Buffer.from('hello'))],
      [
        'a program that does not start',
        { code: 1, says: /does not start on this system/ },
        () => publish('1.1.0', 'process.exit(3);'),
      ],
    ];

    it.each(failures)('%s', async (_, refusal, spoil) => {
      spoil(publish('1.1.0'));
      await refused(refusal);
      expect(files()).toEqual([]);

      publish('1.0.0');
      await installed();
      spoil(publish('1.1.0'));
      await refused(refusal);
      expect(cclink('--version')).toBe('1.0.0');
    });

    it('a server that is not there', async () => {
      await refused({ code: 6, says: /Could not download/ }, [], { env: { CCLINK_BASE_URL: 'http://127.0.0.1:1' } });
    });

    it('to work without curl, even where there is wget, which may go on without encryption', async () => {
      without('curl');
      await refused({ code: 1, says: /There is no curl here[\s\S]*Install curl/ });
      tool('wget', 'echo ran > "$TMPDIR/wget"');
      await refused({ code: 1, says: /There is no curl here/ });
      expect(asked).toEqual([]);
    });

    it('to work without a tool to check with', async () => {
      without('sha256sum', 'shasum', 'openssl');
      await refused({ code: 1, says: /None of sha256sum, shasum and openssl/ });
    });

    it('an option it does not know', async () => {
      await refused({ code: 2, says: /--frce is not an option/ }, ['--frce']);
      expect(asked).toEqual([]);
    });

    it('to start without HOME', async () => {
      await refused({ code: 2, says: /HOME is not set/ }, [], { env: { HOME: '' } });
    });

    it('Windows, and names what works there', async () => {
      tool('uname', 'echo MINGW64_NT-10.0');
      await refused({ code: 2, says: /On Windows: npm install -g cclink/ });
    });
  });

  describe('where Node.js is missing or too old', () => {
    it('says so and fetches one for cclink alone', async () => {
      without('node');
      publishNode('v24.1.0');
      const { out } = await installed();
      expect(out).toContain('There is no Node.js on PATH, and cclink needs it (20.19 or newer).');
      expect(out).toContain(`Fetching Node.js v24.1.0 for cclink alone (about 55 MB), into ${prefix}/lib/cclink-node`);
      expect(cclink('--version')).toBe('1.0.0');
      expect(paths().filter((path) => path.startsWith('lib/cclink-node'))).toEqual([
        'lib/cclink-node/.installed',
        'lib/cclink-node/LICENSE',
        'lib/cclink-node/bin/node',
      ]);
    });

    it.each(['v18.0.0', 'v20.18.3', 'v9.11.2', 'v0.10.48'])('does so beside %s', async (version) => {
      nodeOnPath(version);
      publishNode('v24.1.0');
      const { out } = await installed();
      expect(out).toContain(`The Node.js on PATH is ${version}, and cclink needs 20.19 or newer.`);
      expect(cclink('--version')).toBe('1.0.0');
    });

    it.each(['v20.19.0', 'v20.20.2', 'v22.0.0', 'v100.1.0', 'v25.0.0-nightly'])(
      'but is content with %s',
      async (version) => {
        nodeOnPath(version);
        publishNode('v24.1.0');
        await installed();
        expect(existsSync(join(prefix, 'lib/cclink-node'))).toBe(false);
      },
    );

    it('takes a broken one for a missing one', async () => {
      tool('node', 'echo "cannot load libfoo" >&2; exit 127');
      publishNode('v24.1.0');
      await installed();
      expect(existsSync(join(prefix, 'lib/cclink-node/bin/node'))).toBe(true);
    });

    it('runs cclink on its own one, not on that of PATH', async () => {
      without('node');
      publishNode('v24.1.0');
      await installed();
      tool('node', 'echo wrong');
      expect(cclink('--version')).toBe('1.0.0');
    });

    it('keeps it on an update, and replaces it when a newer is out', async () => {
      without('node');
      publishNode('v24.1.0');
      await installed();
      await installed();
      expect(asked.filter((path) => path.endsWith('linux-x64.tar.gz'))).toHaveLength(1);

      publishNode('v24.2.0');
      await installed();
      const node = join(prefix, 'lib/cclink-node/bin/node');
      expect(execFileSync(node, ['--version'], { encoding: 'utf8' })).toBe('v24.2.0\n');
      expect(cclink('--version')).toBe('1.0.0');
    });

    it.each([
      ['Linux', 'aarch64', 'linux-arm64'],
      ['Darwin', 'x86_64', 'darwin-x64'],
      ['Darwin', 'arm64', 'darwin-arm64'],
    ])('fetches the one for %s on %s', async (system, machine, platform) => {
      without('node');
      const name = publishNode('v24.1.0', { system, machine, platform });
      await installed();
      expect(asked).toContain(`/node/${name}.tar.gz`);
    });

    it('tells a launcher without any Node.js from a broken cclink', async () => {
      nodeAt(join(world, 'node-22'));
      await installed();
      rmSync(join(world, 'node-22'));
      without('node');
      const result = spawnSync(join(prefix, 'bin/cclink'), [], { encoding: 'utf8', env: { PATH: tools } });
      expect(result.status).toBe(127);
      expect(result.stderr).toMatch(/is gone, and there is none on PATH\.\nInstall Node\.js 20\.19 or newer, or run/);
    });

    it('starts the Node.js that it was installed with, whatever a project puts first on PATH', async () => {
      nodeAt(join(world, "it's node"));
      await installed();
      tool('node', 'echo v16.20.2');
      expect(cclink('--version')).toBe('1.0.0');
      // On an update from such a folder it stays with that one, and fetches none.
      publish('1.1.0');
      await installed();
      expect(cclink('--version')).toBe('1.1.0');
      expect(existsSync(join(prefix, 'lib/cclink-node'))).toBe(false);
      // When that one is gone, the one on PATH is better than none.
      rmSync(join(world, "it's node"));
      nodeOnPath(process.version);
      expect(cclink('--version')).toBe('1.1.0');
    });

    it('records the program behind a shim, and of Homebrew the link that lasts', async () => {
      await installed();
      expect(readFileSync(join(prefix, 'bin/cclink'), 'utf8')).toContain(`\nnode='${process.execPath}'\n`);
      rmSync(prefix, { recursive: true });
      const brew = join(world, 'brew');
      mkdirSync(join(brew, 'bin'), { recursive: true });
      symlinkSync(process.execPath, join(brew, 'bin/node'));
      nodeAt(join(brew, 'Cellar/node/24.1.0/bin/node'));
      await installed();
      expect(readFileSync(join(prefix, 'bin/cclink'), 'utf8')).toContain(`\nnode='${brew}/bin/node'\n`);
    });

    const failures: [string, Refusal, (name: string) => void][] = [
      [
        'a Node.js that does not match its checksum',
        { code: 5, says: /node-v24\.1\.0-linux-x64\.tar\.gz does not match its published checksum/ },
        (name) => site.set(`/node/${name}.tar.gz`, tarball({ [`${name}/bin/node`]: '#!/bin/sh\n' })),
      ],
      [
        'a Node.js whose checksum is none',
        { code: 5, says: /is not a SHA-256/ },
        (name) => site.set('/node/SHASUMS256.txt', `abc  ${name}.tar.gz\n`),
      ],
      [
        'a list of Node.js that is not there',
        { code: 6, says: /Could not download .*SHASUMS256\.txt/ },
        () => site.delete('/node/SHASUMS256.txt'),
      ],
      [
        'a list that does not name this platform',
        { code: 6, says: /names no Node\.js for linux-x64[\s\S]*Install Node\.js 20\.19 or newer yourself/ },
        () => site.set('/node/SHASUMS256.txt', `${sha256('')}  node-v24.1.0-linux-arm64.tar.gz\n`),
      ],
      [
        'a list that names a file elsewhere',
        { code: 6, says: /names no Node\.js for linux-x64/ },
        () => site.set('/node/SHASUMS256.txt', `${sha256('')}  node-v1/../../x-linux-x64.tar.gz\n`),
      ],
      [
        'a Node.js that is not there',
        { code: 6, says: /Could not download .*linux-x64\.tar\.gz/ },
        (name) => site.delete(`/node/${name}.tar.gz`),
      ],
      [
        'a Node.js that does not run here',
        { code: 1, says: /does not run on this system/ },
        () => publishNode('v24.1.0', { text: 'echo "GLIBC_2.28 not found" >&2; exit 1' }),
      ],
      [
        'musl, for which there is none',
        { code: 1, says: /uses musl[\s\S]*apk add nodejs/ },
        () => tool('ldd', 'echo "musl libc (x86_64)" >&2; exit 1'),
      ],
      [
        'a processor for which there is none',
        { code: 1, says: /no ready-made Node\.js for this system \(Linux, riscv64\)/ },
        () => tool('uname', 'case $1 in -s) echo Linux ;; -m) echo riscv64 ;; esac'),
      ],
      [
        'a system for which there is none',
        { code: 1, says: /no ready-made Node\.js for this system \(FreeBSD, amd64\)/ },
        () => tool('uname', 'case $1 in -s) echo FreeBSD ;; -m) echo amd64 ;; esac'),
      ],
    ];

    it.each(failures)('refuses %s', async (_, refusal, spoil) => {
      without('node');
      spoil(publishNode('v24.1.0'));
      await refused(refusal);
      expect(files()).toEqual([]);
    });
  });

  describe('finds something else in its place', () => {
    const launcher = () => join(prefix, 'bin/cclink');
    beforeEach(() => mkdirSync(join(prefix, 'bin'), { recursive: true }));

    const foreign: [string, RegExp, () => void][] = [
      [
        'a program',
        /it is a compiled program, such as the Rust cclink/,
        () => writeFileSync(launcher(), Buffer.from('\x7fELF\x02\x01\x00', 'latin1')),
      ],
      [
        'a script',
        /it is a script \(#!\/usr\/bin\/env ruby\)/,
        () => writeFileSync(launcher(), '#!/usr/bin/env ruby\n'),
      ],
      ['a link', /it is a link to \/opt\/cclink/, () => symlinkSync('/opt/cclink', launcher())],
    ];

    it.each(foreign)('%s: leaves it, saying what it is, unless told --force', async (_, says, put) => {
      put();
      await refused({ code: 9, says });
      expect(asked).toEqual([]);
      await installed(['--force']);
      expect(cclink('--version')).toBe('1.0.0');
    });

    it('a link to a folder: replaces the link and leaves the folder with --force', async () => {
      mkdirSync(join(world, 'theirs'));
      symlinkSync(join(world, 'theirs'), launcher());
      await installed(['--force']);
      expect(cclink('--version')).toBe('1.0.0');
      expect(readdirSync(join(world, 'theirs'))).toEqual([]);
    });

    it('a folder: leaves it, --force or not', async () => {
      mkdirSync(launcher());
      writeFileSync(join(launcher(), 'theirs'), '');
      await refused({ code: 9, says: /it is a folder/ }, ['--force']);
    });

    it.each(['cclink', 'cclink-node'])('lib/%s: leaves it, --force or not', async (name) => {
      mkdirSync(join(prefix, 'lib', name), { recursive: true });
      writeFileSync(join(prefix, 'lib', name, 'theirs'), '');
      await refused({ code: 9, says: /was not made by this installer/ }, ['--force']);
    });
  });

  describe('says how to have cclink found', () => {
    it.each([
      ['/bin/zsh', '>> ~/.zshrc'],
      ['/usr/bin/bash', '>> ~/.bashrc'],
      ['/usr/bin/fish', 'fish_add_path '],
      ['/bin/ksh', '>> ~/.profile'],
    ])('in %s', async (shell, line) => {
      tool('uname', 'echo Linux');
      const { out } = await installed([], { env: { SHELL: shell } });
      expect(out).toContain(`${prefix}/bin is not on your PATH yet`);
      expect(out).toContain(line);
    });

    it('in the bash of macOS, which reads another file', async () => {
      tool('uname', 'echo Darwin');
      expect((await installed([], { env: { SHELL: '/bin/bash' } })).out).toContain('>> ~/.bash_profile');
    });

    it.skipIf(!which('bash'))('by a line that does it', async () => {
      tool('uname', 'echo Linux');
      const { out } = await installed([], { env: { SHELL: '/bin/bash' } });
      const line = out.split('\n').find((text) => text.startsWith('  ')) ?? '';
      const found = execFileSync(which('bash') ?? '', ['-c', `${line}\n. ~/.bashrc\ncommand -v cclink`], {
        encoding: 'utf8',
        env: { HOME: home, PATH: tools },
      });
      expect(found).toBe(`${prefix}/bin/cclink\n`);
    });

    it('and nothing about PATH when it is on it', async () => {
      const { out } = await installed([], { env: { PATH: `${tools}:${prefix}/bin` } });
      expect(out).toBe(`Installed cclink 1.0.0 as ${prefix}/bin/cclink\nStart with: cclink init\n`);
    });

    it('and with what to begin where there is a key already', async () => {
      mkdirSync(join(home, '.pubky'));
      writeFileSync(join(home, '.pubky/secret_key'), 'key');
      const { out } = await installed([], { env: { PATH: `${tools}:${prefix}/bin` } });
      expect(out).toMatch(/^Start with: cclink$/m);
    });

    it('and which other one PATH finds first', async () => {
      tool('cclink', 'echo another');
      const { out } = await installed([], { env: { PATH: `${tools}:${prefix}/bin` } });
      expect(out).toContain(`Your PATH finds another cclink first: ${tools}/cclink.`);
    });
  });

  describe('--uninstall', () => {
    it('removes the program, the launcher and the private Node.js, and says where the keys stay', async () => {
      without('node');
      publishNode('v24.1.0');
      await installed();
      mkdirSync(join(home, '.pubky'));
      writeFileSync(join(home, '.pubky/secret_key'), 'key');
      writeFileSync(join(prefix, 'bin/other'), '');
      const { out } = await installed(['--uninstall']);
      expect(out).toContain(`Removed cclink from ${prefix}`);
      expect(out).toContain(`Your keys stay where they are: ${home}/.pubky/secret_key`);
      expect(out).not.toContain('remembers');
      expect(paths()).toEqual(['bin/other']);
      expect(readdirSync(join(prefix, 'lib'))).toEqual([]);
      expect(readFileSync(join(home, '.pubky/secret_key'), 'utf8')).toBe('key');
    });

    it('removes the cache, and says that the memory of burnt handoffs stays', async () => {
      await installed();
      for (const folder of ['.cache/cclink', '.local/state/cclink']) {
        mkdirSync(join(home, folder), { recursive: true });
        writeFileSync(join(home, folder, 'file'), '');
      }
      const { out } = await installed(['--uninstall'], { env: { XDG_CACHE_HOME: 'relative' } });
      expect(out).toContain(`is taken again: ${home}/.local/state/cclink\n`);
      expect(existsSync(join(home, '.local/state/cclink/file'))).toBe(true);
      expect(existsSync(join(home, '.cache/cclink'))).toBe(false);
      expect(existsSync(join(home, '.cache'))).toBe(true);
    });

    it('names the key file of CCLINK_KEY_FILE', async () => {
      await installed();
      const { out } = await installed(['--uninstall'], { env: { CCLINK_KEY_FILE: '/keys/mine' } });
      expect(out).toContain('Your keys stay where they are: /keys/mine');
    });

    it('removes what a killed installer left', async () => {
      await installed();
      mkdirSync(join(prefix, 'lib/.cclink-update.abcdef/cclink'), { recursive: true });
      await installed(['--uninstall']);
      expect(readdirSync(join(prefix, 'lib'))).toEqual([]);
    });

    it('leaves what is not ours', async () => {
      mkdirSync(join(prefix, 'bin'), { recursive: true });
      mkdirSync(join(prefix, 'lib/cclink'), { recursive: true });
      writeFileSync(join(prefix, 'lib/cclink/theirs'), '');
      writeFileSync(join(prefix, 'bin/cclink'), '#!/bin/bash\n');
      const before = files();
      const { out } = await installed(['--uninstall']);
      expect(out).toContain('is left alone, for it is not ours: it is a script (#!/bin/bash).');
      expect(out).toContain('There is no cclink of this installer below');
      expect(files()).toEqual(before);
    });
  });

  it('--help tells what it does and does nothing', async () => {
    const { out } = await installed(['--help']);
    for (const word of ['--uninstall', '--force', 'PREFIX', 'CCLINK_BASE_URL', 'CCLINK_NODE_URL']) {
      expect(out).toContain(word);
    }
    expect(asked).toEqual([]);
    expect(files()).toEqual([]);
  });

  it('does nothing at all when it was not downloaded to its end', async () => {
    // Each tool would leave a trace in the temporary folder.
    for (const name of readdirSync(tools)) tool(name, `echo ran > "$TMPDIR/${name}"`);
    const end = script.trimEnd().length;
    const cuts = [...Array(60).keys()].map((step) => Math.floor((end * step) / 60));
    for (const cut of [...cuts, ...Array.from({ length: 20 }, (_, index) => end - 1 - index)]) {
      await run([], { text: script.slice(0, cut) });
      expect({ cut, traces: [...readdirSync(temporary), ...readdirSync(home)] }).toEqual({ cut, traces: [] });
    }
    await run();
    expect(readdirSync(temporary)).not.toEqual([]);
  });

  // In CI, a missing shellcheck is a failure; elsewhere it may be missing.
  const shellcheck = which('shellcheck');
  it.skipIf(!shellcheck && !process.env['CI'])('has nothing that shellcheck finds, nor has its launcher', async () => {
    expect(shellcheck).toBeDefined();
    await installed();
    const result = spawnSync(shellcheck ?? '', [join(root, 'install.sh'), join(prefix, 'bin/cclink')], {
      encoding: 'utf8',
    });
    expect(result.stdout).toBe('');
    expect(result.status).toBe(0);
  });

  describe('with what scripts/release.mjs makes', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const made = new Map<string, Buffer>();
    const again = new Map<string, Buffer>();

    function release(checkout: string, contents: Map<string, Buffer>) {
      const folder = mkdtempSync(join(tmpdir(), 'cclink release '));
      try {
        execFileSync(process.execPath, [join(checkout, 'scripts/release.mjs'), '--no-build', folder], {
          stdio: 'pipe',
        });
        for (const name of readdirSync(folder)) contents.set(name, readFileSync(join(folder, name)));
      } finally {
        rmSync(folder, { recursive: true });
      }
    }

    /** A copy of all that a release is made of, later, and of somebody whose files nobody else may read. */
    function strictCopy(): string {
      const copy = mkdtempSync(join(tmpdir(), 'cclink copy '));
      const parts = ['bin', 'dist', 'scripts', 'package.json', 'install.sh', 'CHANGELOG.md', 'LICENSE', 'README.md'];
      for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
      for (const path of readdirSync(copy, { recursive: true, encoding: 'utf8' })) {
        const file = join(copy, path);
        if (lstatSync(file).isFile()) chmodSync(file, 0o600);
      }
      return copy;
    }

    beforeAll(() => {
      release(root, made);
      const copy = strictCopy();
      try {
        release(copy, again);
      } finally {
        rmSync(copy, { recursive: true });
      }
    }, 60_000);

    it('installs the program built here, which runs without node_modules', async () => {
      for (const [name, bytes] of made) site.set(`/${name}`, bytes);
      const { out } = await installed();
      expect(out).toContain(`Installed cclink ${version} as`);
      expect(cclink('--version')).toContain(version);
      expect(cclink('--help')).toContain('pickup');
      expect(paths()).toContain('share/man/man1/cclink.1');
    });

    it('is the same byte for byte when made again, by somebody whose files have other times and modes', () => {
      expect([...made.keys()].sort()).toEqual(
        [
          `cclink-${version}.tar.gz`,
          `cclink-${version}.tar.gz.sha256`,
          'cclink.tar.gz',
          'cclink.tar.gz.sha256',
          'install.sh',
        ].sort(),
      );
      for (const [name, bytes] of made) expect(again.get(name)?.equals(bytes)).toBe(true);
    });

    it('has checksums that sha256sum and shasum take', () => {
      for (const name of [`cclink-${version}.tar.gz`, 'cclink.tar.gz']) {
        expect(made.get(`${name}.sha256`)?.toString()).toBe(`${sha256(made.get(name) ?? '')}  ${name}\n`);
      }
    });

    it('holds what npm pack would ship, and nothing else', () => {
      const unpacked = join(world, 'unpacked');
      mkdirSync(unpacked);
      execFileSync('tar', ['-xzf', '-', '-C', unpacked], { input: made.get('cclink.tar.gz') ?? '' });
      const json = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: root,
        encoding: 'utf8',
        stdio: 'pipe',
      });
      const [{ files: packed }] = JSON.parse(json) as [{ files: { path: string }[] }];
      const shipped = packed.map(({ path }) => path).sort();
      const there = readdirSync(join(unpacked, 'package'), { recursive: true, encoding: 'utf8' })
        .filter((path) => lstatSync(join(unpacked, 'package', path)).isFile())
        .sort();
      expect(there).toEqual(shipped);
      for (const path of there) {
        expect(readFileSync(join(unpacked, 'package', path)).equals(readFileSync(join(root, path)))).toBe(true);
      }
    });
  });
});
