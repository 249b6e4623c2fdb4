import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn as spawnPty } from '@lydell/node-pty';
import { slugOf } from '../../src/claude/folders.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { sealSeed } from '../../src/identity/envelope.ts';
import { whileKeyIsLocked, writeKeyFile } from '../../src/identity/key-file.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import type { StoredKey } from '../../src/identity/stored-key.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/cclink.cjs', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../samples', import.meta.url));

/** Each run that opens such a key saves a third of a second. The real cost is for `init` and the vectors. */
const QUICK_ARGON2 = { memoryKib: 64, iterations: 1, parallelism: 1 };

export const SESSION = '11111111-1111-4111-8111-111111111111';

/** What a finished run of cclink left behind. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How the stand-in `claude` was started. */
export interface ClaudeStart {
  readonly args: string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly stdinIsTty: boolean;
}

/** What the stand-in `claude` is like. */
interface StandIn {
  readonly exitCode?: number;
  /** The folder below the home in which it is. */
  readonly folder?: string;
  readonly version?: string;
  /** The options that its help names. */
  readonly options?: readonly string[];
}

/** A transcript with its times moved, so that the last is `endMs`. */
function endingAt(transcript: string, endMs: number): string {
  const TIME = /(?<="timestamp":")[^"]+/g;
  const lastMs = Math.max(...[...transcript.matchAll(TIME)].map(([time]) => Date.parse(time)));
  return transcript.replace(TIME, (time) => new Date(Date.parse(time) - lastMs + endMs).toISOString());
}

/** A user's machine: a home folder with its own keys and Claude folder, and the built cclink. */
export class Machine {
  readonly home: string;
  readonly project: string;
  env: Record<string, string>;

  constructor(name: string, bootstrap: string, project?: string) {
    this.home = realpathSync(mkdtempSync(join(tmpdir(), `cclink-test-${name}-`)));
    this.project = project ?? join(this.home, 'proj');
    mkdirSync(this.project, { recursive: true });
    mkdirSync(join(this.home, 'bin'));
    this.env = {
      HOME: this.home,
      PATH: [join(this.home, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
      LANG: 'C.UTF-8',
      TERM: 'xterm-256color',
      CCLINK_BOOTSTRAP: bootstrap,
    };
  }

  get keyFile(): string {
    return join(this.home, '.pubky', 'secret_key');
  }

  get claudeFolder(): string {
    return join(this.home, '.claude');
  }

  /** Starts cclink without a terminal, with pipes for its streams. */
  start(args: readonly string[], options: { env?: Record<string, string>; cwd?: string } = {}) {
    // Detached, so that it can't find the terminal that the tests were started from.
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: options.cwd ?? this.project,
      env: { ...this.env, ...options.env },
      detached: true,
    });
    child.stdin.on('error', () => {}); // it may end before it has read all
    return child;
  }

  /** Runs cclink without a terminal. */
  run(
    args: readonly string[],
    options: { input?: string | Uint8Array; env?: Record<string, string>; cwd?: string } = {},
  ): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = this.start(args, options);
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.stdin.end(options.input ?? '');
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    });
  }

  /** Runs cclink, which must succeed, and parses what it prints with `--json`. */
  async json<T = Record<string, unknown>>(
    args: readonly string[],
    options: Parameters<Machine['run']>[1] = {},
  ): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options);
    if (code !== 0) throw new Error(`cclink ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Runs cclink in a real pseudo-terminal. */
  terminal(
    args: readonly string[],
    options: { env?: Record<string, string>; cwd?: string; shell?: string; with?: string } = {},
  ): TerminalRun {
    const [file, argv] =
      options.shell === undefined
        ? [process.execPath, [PROGRAM, ...args]]
        : [options.with ?? '/bin/sh', ['-c', options.shell, 'sh', process.execPath, PROGRAM, ...args]];
    return new TerminalRun(
      spawnPty(file, argv, {
        cols: 120,
        rows: 40,
        cwd: options.cwd ?? this.project,
        env: { ...this.env, ...options.env },
      }),
    );
  }

  /** Starts an interactive shell in a pseudo-terminal, in which `cclink` can be typed. */
  shell(program: string, args: readonly string[] = []): TerminalRun {
    this.installCclink();
    const env = { ...this.env, PS1: 'ready> ', ENV: '', HISTFILE: '' };
    return new TerminalRun(spawnPty(program, [...args], { cols: 120, rows: 40, cwd: this.project, env }));
  }

  /** Puts cclink into a folder below the home, by default `bin`, which is on PATH. */
  installCclink(folder = 'bin'): void {
    const cclink = join(this.home, folder, 'cclink');
    mkdirSync(dirname(cclink), { recursive: true });
    writeFileSync(cclink, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, { mode: 0o755 });
  }

  /** Puts a sample session into the Claude folder, as if started in `directory`. Returns its file. */
  addSession(
    directory = this.project,
    { id = SESSION, sample = 'simple', ageSeconds = 0 }: { id?: string; sample?: string; ageSeconds?: number } = {},
  ): string {
    const folder = join(this.claudeFolder, 'projects', slugOf(directory));
    mkdirSync(folder, { recursive: true });
    const original = join(SAMPLES, sample, '.claude/projects/-home-alice-proj');
    const [source = ''] = readdirSync(original).filter((name) => name.endsWith('.jsonl'));
    const text = readFileSync(join(original, source), 'utf8').replaceAll(basename(source, '.jsonl'), id);
    const file = join(folder, `${id}.jsonl`);
    const moved = text.replaceAll('/home/alice/proj', directory);
    writeFileSync(file, endingAt(moved, Date.now() - 1000 * ageSeconds), { mode: 0o600 });
    return file;
  }

  /** Copies another machine's Claude folder, as rsync would. */
  takeSessionsOf(other: Machine): void {
    cpSync(other.claudeFolder, this.claudeFolder, { recursive: true });
  }

  /**
   * Puts a stand-in for `claude` into a folder below the home, by default `bin`, which is on PATH: it records
   * how it was started, and exits with `exitCode`. `--version` and `--help` tell what is given.
   */
  installClaude({ exitCode = 0, folder = 'bin', version = '', options = [] }: StandIn = {}): void {
    const file = join(this.home, folder, 'claude');
    mkdirSync(dirname(file), { recursive: true });
    const record = join(this.home, 'claude-start.json');
    const help = options.map((option) => `  ${option}  what it does`).join('\n');
    const said = { '--version': version && `${version} (Claude Code)`, '--help': help };
    writeFileSync(
      file,
      `#!${process.execPath}
const said = ${JSON.stringify(said)}[process.argv[2]];
if (said !== undefined) {
  console.log(said);
  process.exit(${exitCode});
}
require('node:fs').writeFileSync(${JSON.stringify(record)}, JSON.stringify({
  args: process.argv.slice(2), cwd: process.cwd(), env: process.env, stdinIsTty: Boolean(process.stdin.isTTY),
}));
process.exit(${exitCode});
`,
    );
    chmodSync(file, 0o755);
  }

  /** How the stand-in `claude` was started; null if it was not. */
  claudeStart(): ClaudeStart | null {
    const record = join(this.home, 'claude-start.json');
    return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as ClaudeStart) : null;
  }

  /**
   * Makes a key here, as `cclink init` does, but without starting it: plain, or sealed with a passphrase by
   * an Argon2id that takes no time. Returns the public key.
   */
  async init(passphrase?: string): Promise<string> {
    const seed = randomBytes(32);
    const publicKey = publicKeyOf(seed);
    const key: StoredKey =
      passphrase === undefined
        ? { kind: 'plain', seed }
        : { kind: 'encrypted', envelope: await sealSeed(seed, Buffer.from(passphrase), QUICK_ARGON2) };
    const options = { publicKey, replace: false, nowMs: Date.now() };
    await whileKeyIsLocked(this.keyFile, () => writeKeyFile(this.keyFile, key, options));
    return encodePublicKey(publicKey);
  }

  /** Copies another machine's key file, and the public key beside it if there is one. */
  takeKeyOf(other: Machine): void {
    cpSync(dirname(other.keyFile), dirname(this.keyFile), { recursive: true });
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A run of cclink in a pseudo-terminal: what the user sees, and a keyboard. */
export class TerminalRun {
  private readonly pty: ReturnType<typeof spawnPty>;
  private screen = '';
  private ended: number | undefined;
  private readonly waiting = new Set<() => void>();
  private readonly patienceMs: number;

  /** `patienceMs`: how long to wait for what is not on the screen yet. */
  constructor(pty: ReturnType<typeof spawnPty>, patienceMs = 12_000) {
    this.pty = pty;
    this.patienceMs = patienceMs;
    pty.onData((text) => {
      this.screen += text;
      this.wake();
    });
    pty.onExit(({ exitCode, signal }) => {
      this.ended = signal ? 128 + signal : exitCode;
      this.wake();
    });
  }

  private wake(): void {
    for (const check of this.waiting) check();
  }

  /** What was shown so far, without escape sequences. */
  get text(): string {
    return this.screen.replace(/\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007]*\u0007|\r/g, '');
  }

  /** Everything sent to the terminal, escape sequences included. */
  get raw(): string {
    return this.screen;
  }

  private until(condition: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error) => {
        this.waiting.delete(check);
        clearTimeout(timer);
        error === undefined ? resolve() : reject(error);
      };
      const check = () => {
        if (condition()) finish();
      };
      const giveUp = () => finish(new Error(`waited for ${what}; the screen shows:\n${this.text}`));
      const timer = setTimeout(giveUp, this.patienceMs);
      this.waiting.add(check);
      check();
    });
  }

  /** Waits until the screen shows `pattern`. */
  async sees(pattern: RegExp): Promise<void> {
    await this.until(() => pattern.test(this.text), String(pattern));
  }

  /** Waits for `pattern`, then types `keys`. */
  async answers(pattern: RegExp, keys: string): Promise<void> {
    await this.sees(pattern);
    this.type(keys);
  }

  /** Types `keys` at once. */
  type(keys: string): void {
    this.pty.write(keys);
  }

  get pid(): number {
    return this.pty.pid;
  }

  /** What happens to a program whose terminal window is closed. */
  closeWindow(): void {
    (this.pty as unknown as { _socket: { destroy(): void } })._socket.destroy();
  }

  resize(columns: number, rows: number): void {
    this.pty.resize(columns, rows);
  }

  kill(signal: NodeJS.Signals): void {
    this.pty.kill(signal);
  }

  /** Waits for the end. Returns the exit code; 128 + n after signal n. */
  async end(): Promise<number> {
    await this.until(() => this.ended !== undefined, 'the end');
    return this.ended ?? -1;
  }
}
