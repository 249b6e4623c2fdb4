import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSessionId } from '../claude/session-id.ts';
import { ageRecipient } from '../crypto/age.ts';
import { x25519PublicOfSecret } from '../crypto/x25519.ts';
import { Failure } from '../failure.ts';
import { secretBytes } from '../secret-bytes.ts';

/** How a session is asked for. */
export interface SshRequest {
  /** As `parseSshHost` gives it. */
  readonly host: string;
  readonly session: string;
  /** The environment of ssh, without our secrets. */
  readonly variables: NodeJS.ProcessEnv;
  /** The home directory, in which ssh runs: a project may have a program of that name. */
  readonly home: string;
  /** False if nobody is there whom ssh could ask for a password. */
  readonly canAsk: boolean;
  /** Told each line that ssh, or the cclink there, writes for people. It is a stranger's text. */
  readonly says: (line: string) => void;
}

/** A session that a host sends. */
export interface SshExport {
  /** The sealed bundle. Ends with a failure unless ssh, and the cclink there, ended well. */
  readonly source: AsyncIterable<Buffer>;
  /** The age recipient that it is sealed for; the key was made for this run. */
  readonly recipient: string;
  /** The X25519 secret (32 bytes) of that, as a copy to be wiped. */
  secret(): Uint8Array;
  /** Ends ssh, if it still runs, and wipes the key. */
  close(): void;
}

/** A host as people name it to ssh: `desk`, `alice@desk.example.org`. ssh would take `-…` for an option. */
const PLAIN_HOST = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const MAX_HOST = 255;

/** The name of a host as it was typed. Throws `usage` for what can't be one, options of ssh among them. */
export function parseSshHost(text: string): string {
  if (text.length <= MAX_HOST && PLAIN_HOST.test(text)) return text;
  throw new Failure(
    'usage',
    `"${text.slice(0, 64)}" is not the name of a host: letters, digits, dots and dashes, with user@ before it if need be.`,
    'For a port or a jump host give it a name in ~/.ssh/config: --ssh desk',
  );
}

/**
 * What runs on the host, by whichever shell the user has there: it finds cclink on PATH, else where
 * install.sh, npm or Homebrew puts it, which a shell without a terminal often does not know. Without an
 * apostrophe, a backslash or `!` in it, every shell reads it alike.
 */
const REMOTE =
  'PATH="$PATH:$HOME/.local/bin:/usr/local/bin:/opt/homebrew/bin"; export PATH; ' +
  'if command -v cclink >/dev/null 2>&1; then exec cclink "$@"; fi; ' +
  'echo "There is no cclink on this host, neither on PATH nor in ~/.local/bin." >&2; exit 127';

/** What the remote script exits with if there is no cclink. */
const NO_CCLINK = 127;
/** What ssh itself exits with. */
const SSH_FAILED = 255;
const EXIT_NO_SESSION = 7;

/** How long what is said is held back: a failure says it itself. */
const HOLD_MS = 700;
const MAX_SAID = 4096;
/** How long is listened once ssh has ended, in milliseconds. */
const LAST_WORDS_MS = 500;

/**
 * The command line for the host. The session is the user's own on both sides, so nothing in it is masked.
 * Neither part can hold anything that a shell would interpret.
 */
export function remoteCommand(session: string, recipient: string): string {
  if (!isSessionId(session)) throw new TypeError('Not a session id.');
  return `exec sh -c '${REMOTE}' sh export ${session} -o - --recipient ${recipient} --no-mask --quiet`;
}

/**
 * Has a host export a session through the user's own ssh: with their configuration, their agent, and
 * questions on their terminal. Nothing has come yet when this returns.
 *
 * The source throws `network` if ssh fails or the host has no cclink, `no-session` if the host does not have
 * the session: in the words of ssh and of the cclink there.
 */
export function exportOverSsh({ host, session, variables, home, canAsk, says }: SshRequest): SshExport {
  const secret = secretBytes(randomBytes(32));
  const recipient = ageRecipient(x25519PublicOfSecret(secret));
  const batch = canAsk ? [] : ['-o', 'BatchMode=yes'];
  const child = spawn('ssh', ['-T', ...batch, '--', host, remoteCommand(session, recipient)], {
    // Windows would look for ssh.exe in the current directory first, and PATH may have relative parts.
    cwd: home,
    env: variables,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = new Said(child.stderr, says);
  // 'exit' and not 'close': a master connection that goes on in the background may keep stderr open.
  const ended = new Promise<Failure | null>((resolve) => {
    child.on('error', (cause) => resolve(noSsh(cause)));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve(null);
      else void said.lastWords().then((words) => resolve(failed(host, code, signal, words)));
    });
  });
  return {
    source: sourceOf(child, ended, said),
    recipient,
    secret: () => secretBytes(secret),
    close() {
      child.kill();
      child.stdout.destroy();
      said.end();
      secret.fill(0);
    },
  };
}

async function* sourceOf(
  child: ChildProcessByStdio<null, Readable, Readable>,
  ended: Promise<Failure | null>,
  said: Said,
): AsyncGenerator<Buffer> {
  try {
    yield* withoutGreeting(child.stdout);
    const failure = await ended;
    if (failure !== null) throw failure;
  } finally {
    child.kill();
    said.end();
  }
}

/** What every age file begins with (c2sp.org/age). */
const AGE_START = Buffer.from('age-encryption.org/v1\n');
const MAX_GREETING = 65_536;

/** What is sent, from the age file on: the start-up files of some shells print something first. */
async function* withoutGreeting(stream: Readable): AsyncGenerator<Buffer> {
  let first: Buffer | null = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (first === null) {
      yield chunk;
      continue;
    }
    first = Buffer.concat([first, chunk]);
    const start = first.indexOf(AGE_START);
    if (start === -1 && first.length < MAX_GREETING) continue;
    yield first.subarray(Math.max(start, 0));
    first = null;
  }
  if (first !== null && first.length > 0) yield first;
}

/** What is written for people meanwhile: passed on line by line, a little late, and kept for a failure. */
class Said {
  private readonly stream: Readable;
  private readonly says: (line: string) => void;
  private tail = '';
  private held = '';
  private timer: NodeJS.Timeout | undefined;

  constructor(stream: Readable, says: (line: string) => void) {
    this.stream = stream;
    this.says = says;
    stream.setEncoding('utf8').on('data', (text: string) => {
      this.tail = `${this.tail}${text}`.slice(-MAX_SAID);
      this.held = `${this.held}${text}`.slice(-MAX_SAID);
      this.timer ??= setTimeout(() => this.passOn(), HOLD_MS);
    });
    stream.on('error', () => {});
  }

  /** What was said last, once nothing more comes; nothing more is passed on. */
  async lastWords(): Promise<string> {
    clearTimeout(this.timer);
    // A connection that goes on in the background for others may keep the stream open.
    await Promise.race([finished(this.stream).catch(() => {}), sleep(LAST_WORDS_MS)]);
    this.end();
    return this.tail;
  }

  end(): void {
    clearTimeout(this.timer);
    this.stream.destroy();
  }

  private passOn(): void {
    this.timer = undefined;
    const lines = this.held.split(/[\r\n]+/);
    this.held = '';
    for (const line of lines.filter((each) => each.trim() !== '')) this.says(line);
  }
}

function failed(host: string, code: number | null, signal: NodeJS.Signals | null, said: string): Failure {
  const words = said
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-3)
    .join(' ');
  const ending = words === '' ? `it ended with ${signal ?? `exit code ${code}`}` : words;
  if (code === NO_CCLINK) {
    return new Failure(
      'network',
      `${host} has no cclink to send the session with: ${ending}`,
      `Install it there (the line is in the README), and pick up again. Nothing was burnt.`,
    );
  }
  if (code === SSH_FAILED || code === null) {
    return new Failure(
      'network',
      `ssh ${host} failed: ${ending}`,
      `Try it by itself until it works: ssh -T ${host} true`,
    );
  }
  return new Failure(
    code === EXIT_NO_SESSION ? 'no-session' : 'network',
    `cclink on ${host} did not send the session: ${ending}`,
    'Pick up from the machine that has the session, and see that cclink is up to date there. Nothing was burnt.',
  );
}

function noSsh(cause: Error): Failure {
  return new Failure(
    'network',
    'There is no ssh on this machine, or it does not start.',
    'Install OpenSSH, or bring the session over in a file or a folder: cclink export --help',
    { cause },
  );
}
