import { createReadStream, statSync } from 'node:fs';
import { lastChangeOf } from '../claude/last-change.ts';
import { resumeCommand, resumeLine } from '../claude/resume-command.ts';
import type { ClaudeHere } from '../claude/start-options.ts';
import { Failure } from '../failure.ts';
import { fileFailure } from '../files/file-failure.ts';
import type { OwnKey } from '../identity/own-key.ts';
import { interruptible } from '../interruption.ts';
import { claudeWord } from '../process/find-claude.ts';
import { secretBytes } from '../secret-bytes.ts';
import { importedJson } from '../terminal/bundle-view.ts';
import { rfc3339 } from '../time.ts';
import { firstStartOptions } from '../travel/arriving/first-start.ts';
import type { Imported } from '../travel/arriving/importing.ts';
import type { Bundle } from '../travel/bundle/bundle-reader.ts';
import type { Manifest, Trust } from '../travel/bundle/manifest.ts';
import { claudeHere, inThisTerminal } from './claude-start.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';
import { importOptions, importPorts, type MovingIn, parseMovingIn, tellOfImport } from './moving-in.ts';
import { MOVING_IN_OPTIONS, type MovingInOptions } from './moving-in-options.ts';
import { withOwnKeyIfAny } from './secrets.ts';

interface ImportCommandOptions extends MovingInOptions {
  /** False with `--no-run`. */
  readonly run: boolean;
  readonly inspect?: boolean;
}

export const command: Declaration<ImportCommandOptions> = {
  argument: '<file>',
  summary: 'bring an exported session in, and go on with it in Claude Code',
  options: [
    ...MOVING_IN_OPTIONS,
    { flags: '--no-run', description: 'bring it in, and print the command instead of running it' },
    { flags: '--inspect', description: 'show what it is, nothing else' },
  ],
  help: `file: what cclink export wrote, or - for standard input.

The session goes to the directory of the same path, if there is one here, else to
a checkout of the same git repository; else cclink asks. The paths in it are
rewritten. --json implies --no-run.

Somebody else's session is instructions to your Claude: -y takes one only if
--from names who signed it and --into the directory.`,
  yes: true,
  json: true,
  verbose: 'tell all that was left out, and why',
  claudeOptions: true,
  async run({ context, options, args: [file = '-'], claudeArgs }) {
    process.exitCode = await importSession(context, options, file, claudeArgs);
  },
};

/** `cclink import`: brings a session in, and goes on with it. Resolves to the exit code. */
async function importSession(
  context: Context,
  options: ImportCommandOptions,
  file: string,
  claudeArgs: readonly string[],
): Promise<number> {
  const { environment, output } = context;
  const movingIn = parseMovingIn(options);
  const runs = options.run && !output.json && !options.inspect;
  const claude = runs ? inThisTerminal(context, claudeArgs) : null;
  const obstacle = claude === null ? null : await claude.obstacle(false);
  if (obstacle !== null) throw obstacle;

  // Asked while the file is opened, which may take a passphrase.
  const here = options.inspect ? null : claudeHere(context);
  const arrived = await withOwnKeyIfAny(context, async (own) => {
    const bundle = await openBundle(context, file, own);
    try {
      if (here === null) {
        await inspect(context, bundle.manifest);
        return null;
      }
      const trust = await trustIn(bundle, own, movingIn.from);
      const imported = await bringIn(context, movingIn, bundle, { trust, goesOn: runs, claude: await here });
      return { imported, manifest: bundle.manifest, trust };
    } finally {
      await bundle.close();
    }
  });
  if (arrived === null) return 0;
  const { imported } = arrived;
  tellOfImport(context, imported);
  const program = claudeWord(environment);
  const command = resumeCommand(imported.session, [...firstStartOptions(imported), ...claudeArgs], program);
  const { directory, session, title } = imported;
  if (claude !== null) {
    return claude.start({ title: title ?? session.slice(0, 8), directory, command }, async () => {});
  }
  const line = resumeLine(directory, command);
  output.result(
    resultJson(arrived, command),
    line,
    `The result could not be written. To go on with the session:\n${line}`,
  );
  return 0;
}

async function bringIn(
  context: Context,
  movingIn: MovingIn,
  bundle: Bundle,
  { trust, goesOn, claude }: { readonly trust: Trust; readonly goesOn: boolean; readonly claude: ClaudeHere },
): Promise<Imported> {
  const { importBundle } = await import('../travel/arriving/import.ts');
  const question = goesOn ? 'Go on with this session here?' : 'Bring this session in?';
  const ports = importPorts(context, {
    isNamed: movingIn.from !== null,
    question,
    trust,
    asNew: movingIn.asNew,
    told: null,
  });
  try {
    const importing = importBundle(bundle, importOptions(context, movingIn, { trust, claude }), ports);
    return await interruptible('Interrupted; nothing was imported.', undefined, importing);
  } finally {
    ports.ended();
  }
}

async function trustIn({ manifest, signer }: Bundle, own: OwnKey | null, from: Uint8Array | null): Promise<Trust> {
  const { trustOf } = await import('../travel/bundle/trust.ts');
  const { samePublicKey } = await import('../identity/public-key.ts');
  // What stands beside an encrypted key may be another one: only the key itself proves that it signed this.
  const known = own?.knownPublicKey ?? null;
  const isMine = signer !== null && known !== null && samePublicKey(signer, known);
  if (isMine && own !== null && !own.isProven) await own.open();
  return trustOf(manifest, signer, { own: own?.isProven ? own.knownPublicKey : null, from, overSsh: false });
}

/** How often a PIN is asked for. */
const MAX_PIN_ATTEMPTS = 3;

/** Opens a file, or standard input. Asks again for the PIN of a file if it is wrong. */
async function openBundle(
  { environment, output, questions }: Context,
  file: string,
  own: OwnKey | null,
): Promise<Bundle> {
  const { readBundle } = await import('../travel/bundle/bundle-reader.ts');
  for (let asked = 0; ; ) {
    const source = sourceOf(file);
    const ask = async () => {
      asked += 1;
      return questions.secret('PIN of the session', 'Set CCLINK_PIN');
    };
    const keys = {
      secrets: async () => [await ageSecretOf(own)],
      passphrase: async () => pinForm(environment.pin === undefined ? await ask() : secretBytes(environment.pin)),
    };
    try {
      return await readBundle(source, keys);
    } catch (error) {
      const isWrongPin = error instanceof Failure && error.code === 'cannot-open' && asked > 0;
      // A pipe can't be read again.
      if (!isWrongPin || asked >= MAX_PIN_ATTEMPTS || !isFile(file)) throw error;
      output.warn('that is not the PIN; try again.');
    }
  }
}

const isFile = (path: string) => path !== '-' && statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** A PIN that cclink made, in the form in which it was made; any other as it was typed. */
async function pinForm(typed: Uint8Array): Promise<Uint8Array> {
  const { madePin } = await import('../handoff/pin.ts');
  return madePin(typed) ?? typed;
}

async function ageSecretOf(own: OwnKey | null): Promise<Uint8Array> {
  if (own === null) throw noKey();
  const { x25519SecretOf } = await import('../crypto/x25519.ts');
  return x25519SecretOf((await own.open()).seed);
}

function noKey(): Failure {
  return new Failure(
    'no-key',
    'This session is sealed for a key, and there is no key on this machine.',
    'Make one and give its public key to whoever exports it: cclink init',
  );
}

/** What a file holds; `-` is standard input. */
function sourceOf(file: string): AsyncIterable<Buffer> {
  if (file === '-') {
    if (process.stdin.isTTY) {
      throw new Failure('usage', 'Standard input is the terminal.', 'Pipe the exported session in, or name its file.');
    }
    return process.stdin;
  }
  try {
    if (statSync(file).isDirectory()) {
      throw new Failure('usage', `${file} is a directory.`, 'Name the file of the session.');
    }
    return blocksOfFile(file);
  } catch (error) {
    throw fileFailure('read', file, error);
  }
}

async function* blocksOfFile(file: string): AsyncGenerator<Buffer> {
  try {
    for await (const block of createReadStream(file, { highWaterMark: 1024 * 1024 })) yield block as Buffer;
  } catch (error) {
    throw fileFailure('read', file, error);
  }
}

async function inspect({ output }: Context, manifest: Manifest): Promise<void> {
  const { describeManifest } = await import('../terminal/bundle-view.ts');
  output.result(manifest, describeManifest(manifest, Date.now(), output.resultStyle));
}

function resultJson(
  { imported, manifest, trust }: { imported: Imported; manifest: Manifest; trust: Trust },
  command: readonly string[],
) {
  const { session, directory, title } = imported;
  const lastChangeMs = lastChangeOf(imported.transcript);
  const toTheSecond = (timeMs: number) => rfc3339(BigInt(Math.floor(timeMs / 1000)));
  return {
    session: { id: session, project: manifest.directory ?? '', host: manifest.host, title },
    publicKey: manifest.from,
    mode: manifest.audience.mode,
    from: trust === 'own' ? null : manifest.from,
    burn: false,
    createdAt: toTheSecond(Date.parse(manifest.createdAt)),
    expiresAt: null,
    here: true,
    directory,
    lastChange: lastChangeMs === null ? null : toTheSecond(lastChangeMs),
    command,
    imported: importedJson(imported),
  };
}
