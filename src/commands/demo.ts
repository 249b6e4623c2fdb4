import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { slugOf } from '../claude/folders.ts';
import { startPrivateNetwork } from '../dht/private/private-network.ts';
import { Failure } from '../failure.ts';
import { columnsOfStream } from '../terminal/output.ts';
import { printable } from '../terminal/printable.ts';
import { wrap } from '../terminal/wrap.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';

export const command: Declaration = {
  summary: 'the whole story, on this machine alone',
  allowedForAgent: () => true,
  run: ({ context }) => demo(context),
};

const SESSION = '11111111-1111-4111-8111-111111111111';
const PIN = 'five-words-for-a-demo-pin';

/** A made-up machine: a temporary home with a key, a Claude folder and an environment of its own. */
interface Machine {
  readonly name: string;
  readonly home: string;
  /** Where its commands are typed. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** What the next command reads from standard input, and the command that it is said to come from. */
  readonly piped?: { readonly shown: string; readonly input: Uint8Array };
}

interface Run {
  readonly code: number;
  readonly stdout: string;
  /** Both streams, as a terminal shows them. */
  readonly shown: string;
}

/**
 * `cclink demo`: machines in temporary homes hand a session over, with this very program on a private DHT.
 */
async function demo(context: Context): Promise<void> {
  const { output } = context;
  const style = output.resultStyle;
  const print = (text: string) => void process.stdout.write(`${text}\n`);
  const tell = (text: string) => (output.quiet ? undefined : print(wrapIndented(text)));
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'cclink-demo-')));
  const removeRoot = () => rmSync(root, { recursive: true, force: true });
  // After Ctrl-C too. A step under way is killed first, since it would write there again.
  process.once('exit', () => {
    for (const child of running) child.kill('SIGKILL');
    removeRoot();
  });
  const started = Date.now();
  const network = await startPrivateNetwork({ nodes: 20 });
  try {
    const project = join(root, 'my-project');
    mkdirSync(project);
    const machine = (name: string): Machine => makeMachine(root, name, project, network.bootstrap);
    const [laptop, desk, bob] = [machine('laptop'), machine('desk'), machine('bob')];
    const act = (who: Machine, ...args: string[]) => actAs(who, args, { tell, prompt: style.bold });

    tell(style.bold('A private DHT of 20 nodes runs on this machine; nothing leaves it.'));
    tell('Two machines of yours, "laptop" and "desk", and one of Bob’s: three temporary homes.\n');

    tell(style.good('1. One key for both of your machines'));
    await act(laptop, 'init', '--no-passphrase');
    tell(`   ${style.dim('(the demo leaves the passphrase out; yours should have one)')}`);
    tell('   Brought to the desk through ssh (here a pipe), without a copy in between:');
    const key = {
      shown: 'ssh laptop cat .pubky/secret_key',
      input: readFileSync(join(laptop.home, '.pubky', 'secret_key')),
    };
    await act({ ...desk, piped: key }, 'init', '--import', '-', '--no-passphrase', '--quiet');

    tell(`\n${style.good('2. A Claude Code session on the laptop')}`);
    say(laptop, project, ['Remember the word ZEBRA.', 'ZEBRA it is.']);
    tell(
      '   You told it a word to remember. Its files are on the desk too: rsync, Syncthing or a shared home saw to that.',
    );
    cpSync(join(laptop.home, '.claude'), join(desk.home, '.claude'), { recursive: true });

    tell(`\n${style.good('3. Hand it over')}`);
    await act(laptop);
    tell('   Sealed, signed twice, published. At the desk:');
    await act(desk, 'pickup', '--yes', '--no-run');
    tell('   Without --no-run, cclink now becomes that claude command, and the conversation goes on.');

    tell(`\n${style.good('4. Burn: handed over once')}`);
    tell('   (--quiet prints only the line to type on the other side)');
    await act(laptop, '--burn', '--quiet');
    await act(desk, 'pickup', '--yes', '--no-run', '--quiet');
    tell('   A second pickup finds nothing:');
    await act(desk, 'pickup', '--yes', '--no-run');

    tell(`\n${style.good('5. For somebody else: Bob’s key, or a PIN')}`);
    await act(bob, 'init', '--no-passphrase', '--quiet');
    const keyOf = async (who: Machine) =>
      (JSON.parse((await runAs(who, ['whoami', '--json'])).stdout) as { publicKey: string }).publicKey;
    const [mine, bobs] = [await keyOf(laptop), await keyOf(bob)];
    await act(laptop, '--share', bobs, '--quiet');
    await act(bob, 'show', mine);
    tell('   With a PIN, which is asked for at a terminal, Bob needs no key at all:');
    const withPin = { ...laptop, env: { ...laptop.env, CCLINK_PIN: PIN } };
    await act(withPin, '--pin', '--yes', '--quiet');
    await act({ ...bob, env: { ...bob.env, CCLINK_PIN: PIN } }, 'show', mine);
    tell('   Bob sees what it is. To go on with it he needs its files as well: they can go along.');

    tell(`\n${style.good('6. Changed your mind?')}`);
    await act(laptop, 'revoke', '--yes');

    tell(`\n${style.good('7. The session itself goes along')}`);
    tell(
      '   A new machine of yours, "server", has your key, none of these files, and no my-project. Both see one folder, ~/Sync: Syncthing, Dropbox, NFS or a stick saw to that.',
    );
    const server = { ...machine('server'), directory: join(root, 'server') };
    cpSync(join(laptop.home, '.pubky'), join(server.home, '.pubky'), { recursive: true });
    const sync = join(root, 'synced-folder');
    mkdirSync(sync);
    for (const { home } of [laptop, server]) symlinkSync(sync, join(home, 'Sync'), 'junction');
    await act(laptop, '--folder', join(laptop.home, 'Sync'));
    const there = join(server.home, 'my-project');
    await act(server, 'pickup', '--folder', join(server.home, 'Sync'), '--into', there, '--yes', '--no-run');
    tell('   The conversation goes on there (here the demo writes what Claude Code would), and comes back:');
    say(server, there, ['What was the word?', 'ZEBRA.']);
    await act({ ...server, directory: there }, '--folder', join(server.home, 'Sync'), '--quiet');
    await act(laptop, 'pickup', '--folder', join(laptop.home, 'Sync'), '--yes', '--no-run', '--quiet');

    const took = `That was all of it, in ${((Date.now() - started) / 1000).toFixed(1)} s.`;
    if (output.quiet) return print(took);
    tell(`\n${style.bold(took)} The four homes are removed again.\n`);
    tell('Try it for real:');
    for (const [command, does] of TRY_IT) tell(`  ${style.bold(command.padEnd(32))} ${does}`);
  } finally {
    await network.close();
    removeRoot();
  }
}

const TRY_IT: [string, string][] = [
  ['cclink init', 'your key, under a passphrase'],
  ['cclink', 'in a project folder: publish its newest session'],
  ['cclink pickup', 'on the other machine, with the same key'],
  ['cclink --help', 'everything else'],
];

function makeMachine(root: string, name: string, directory: string, bootstrap: string): Machine {
  const home = join(root, name);
  mkdirSync(home);
  const { PATH, TERM, LANG, NO_COLOR, SystemRoot } = process.env;
  const inherited = Object.fromEntries(
    Object.entries({ PATH, TERM, LANG, NO_COLOR, SystemRoot }).filter(([, value]) => value !== undefined),
  );
  return {
    name,
    home,
    directory,
    env: { ...inherited, HOME: home, USERPROFILE: home, LOCALAPPDATA: home, CCLINK_BOOTSTRAP: bootstrap },
  };
}

/** Runs the built cclink as its user would, and shows what was typed and printed. */
async function actAs(
  who: Machine,
  args: readonly string[],
  { tell, prompt }: { tell: (text: string) => void; prompt: (text: string) => string },
): Promise<void> {
  const pipe = who.piped === undefined ? [] : [who.piped.shown, '|'];
  const pin = who.env['CCLINK_PIN'] === undefined ? [] : [`CCLINK_PIN='${PIN}'`];
  const shown = args.map((arg) => arg.replace(who.home, '~'));
  tell(prompt(`   ${who.name}$ ${[...pipe, ...pin, 'cclink', ...shown].join(' ')}`));
  const { code, shown: output } = await runAs(who, args);
  for (const line of output.trimEnd().split('\n').filter(Boolean)) {
    // The real name of each is that of the one machine on which all homes are.
    const from = who.name === 'laptop' ? 'server' : 'laptop';
    tell(
      `      ${printable(line).replace(/^( +From +)[^\s,]+|(?<=moved from the directory \S+ on the machine )\S+/g, `$1${from}`)}`,
    );
  }
  const expectsNothing = args[0] === 'pickup' && code === 3;
  if (code !== 0 && !expectsNothing)
    throw new Failure('internal', `The demo's step "cclink ${args.join(' ')}" ended with exit code ${code}.`);
}

/** `text`, whose lines are broken between words if they are longer than the terminal's, and stay indented. */
function wrapIndented(text: string): string {
  const columns = columnsOfStream(process.stdout);
  if (columns === null) return text;
  return text.replace(/^( *)(.*)$/gm, (_, indent: string, line: string) =>
    wrap(line, columns - indent.length).replace(/^/gm, indent),
  );
}

/** The steps under way. */
const running = new Set<ChildProcess>();

function runAs(who: Machine, args: readonly string[]): Promise<Run> {
  const program = fileURLToPath(new URL('../bin/cclink.cjs', import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: who.directory,
      env: who.env,
      stdio: 'pipe',
      detached: process.platform !== 'win32', // without a terminal to ask on, since nobody would answer
    });
    running.add(child);
    child.stdin.on('error', () => {}); // a child that does not read it has ended
    child.stdin.end(who.piped?.input);
    let stdout = '';
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      running.delete(child);
      resolve({ code: code ?? 1, stdout, shown });
    });
  });
}

/**
 * Adds a question and its answer to the session in a directory, as Claude Code does; with the first it is the
 * smallest transcript that Claude Code resumes.
 */
function say(who: Machine, directory: string, [question, answer]: readonly [string, string]): void {
  const folder = join(who.home, '.claude', 'projects', slugOf(directory));
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${SESSION}.jsonl`);
  const said = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  const before = said.length === 0 ? null : (JSON.parse(said.at(-1) ?? '') as { uuid: string }).uuid;
  const common = { cwd: directory, sessionId: SESSION, isSidechain: false, version: '2.1.329', userType: 'external' };
  const [asked, answered] = [randomUUID(), randomUUID()];
  const timestamp = new Date().toISOString();
  const user = { role: 'user', content: question };
  const assistant = { role: 'assistant', content: [{ type: 'text', text: answer }] };
  const records = [
    { ...common, type: 'user', uuid: asked, parentUuid: before, timestamp, message: user },
    { ...common, type: 'assistant', uuid: answered, parentUuid: asked, timestamp, message: assistant },
  ];
  appendFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''), { mode: 0o600 });
}
