import { hostname } from 'node:os';
import { isAbsolute, posix, resolve, win32 } from 'node:path';
import { workingDirectory } from '../environment.ts';
import { Failure } from '../failure.ts';
import type { FoundHandoff } from '../handoff/reader.ts';
import { describeArriving, describePlan, someOf } from '../terminal/bundle-view.ts';
import { excerpt, printable } from '../terminal/printable.ts';
import { type TransferProgress, transferProgress } from '../terminal/transfer-progress.ts';
import type { Imported, ImportOptions, ImportPorts } from '../travel/arriving/importing.ts';
import type { Trust } from '../travel/bundle/manifest.ts';
import type { PathPair } from '../travel/paths/path-pair.ts';
import { type Context, placesOf } from './context.ts';
import type { MovingInOptions } from './moving-in-options.ts';
import { parseWho } from './who.ts';

/** `MovingInOptions`, parsed. */
export interface MovingIn extends Pick<ImportOptions, 'into' | 'maps' | 'asNew'> {
  /** 32 bytes. */
  readonly from: Uint8Array | null;
}

/** Parses the options of commands that bring a session in. Throws `usage`. */
export function parseMovingIn(options: MovingInOptions): MovingIn {
  return {
    into: intoDirectory(options),
    maps: pathPairs(options),
    asNew: options.asNew ?? false,
    from: options.from === undefined ? null : parseWho(options.from),
  };
}

/** What `importBundle` is to be told. */
export function importOptions(
  context: Context,
  { into, maps, asNew }: MovingIn,
  { trust, claude }: Pick<ImportOptions, 'trust' | 'claude'>,
): ImportOptions {
  const { stateFolder, home, variables } = context.environment;
  const places = { ...placesOf(context), stateFolder, home, variables };
  return { places, trust, into, maps, asNew, claude, host: hostname(), now: Date.now };
}

/** The directory that was named, as an absolute path; null if none was. Throws `usage` for an empty one. */
function intoDirectory({ into }: MovingInOptions): string | null {
  if (into === undefined) return null;
  const base = workingDirectory();
  if (into === '' || (base === null && !isAbsolute(into))) {
    throw new Failure(
      'usage',
      'The directory of --into is not known.',
      'Give its whole path: --into /home/you/project',
    );
  }
  return base === null ? into : resolve(base, into);
}

/** The paths of `--map`. Throws `usage` if one is not `<old>=<new>`, both absolute. */
function pathPairs({ map = [] }: MovingInOptions): PathPair[] {
  return map.map((text) => {
    const isWhole = (path: string) => posix.isAbsolute(path) || win32.isAbsolute(path);
    // A name may hold a "=" of its own.
    const at = [...text.matchAll(/=/g)].find(
      ({ index }) => isWhole(text.slice(0, index)) && isAbsolute(text.slice(index + 1)),
    );
    if (at !== undefined) return { from: text.slice(0, at.index), to: text.slice(at.index + 1) };
    throw new Failure(
      'usage',
      `--map ${excerpt(text, 60)} does not name two whole paths.`,
      'Write the path there, and what it is here: --map /home/alice/data=/srv/data',
    );
  });
}

interface Asking {
  readonly isNamed: boolean;
  readonly question: string;
  readonly trust: Trust;
  readonly asNew: boolean;
  readonly told: FoundHandoff | null;
}

/**
 * How an import asks and tells its user; `ended` is to be called whatever happens. `isNamed`: they named the
 * key that signed it. `told`: the handoff that it comes with, which they have seen.
 */
export function importPorts(
  { output, questions, yes }: Context,
  { isNamed, question, trust, asNew, told }: Asking,
): ImportPorts & { ended(): void } {
  let progress: TransferProgress | null = null;
  // What somebody else sent is taken only if they were named.
  const takesIt = yes && (trust !== 'other' || isNamed);
  return {
    progress: (bytes) => progress?.moved(bytes),
    ended: () => progress?.end(),
    show(arriving) {
      progress = transferProgress(output, 'Importing', arriving.bytes);
      output.say(describeArriving(arriving, Date.now(), output.style, told));
      if (trust !== 'other') return;
      output.warn(INSTRUCTIONS);
      if (arriving.lastChangeHereMs !== null && !asNew) output.warn(TAKES_YOURS);
    },
    async chooseDirectory(candidates) {
      if (!questions.possible || (yes && trust !== 'other')) throw noChoice(candidates);
      const current = workingDirectory();
      const name = (path: string) => `${excerpt(path, 200)}${path === current ? ' (the current directory)' : ''}`;
      const chosen = await questions.choose<string | null>(
        'Which directory is it to live in?',
        [
          ...candidates.map((path) => ({ name: name(path), value: path })),
          { name: 'another one', value: null, description: 'Stops here: name it with --into <dir>' },
        ],
        null,
      );
      if (chosen !== null) return chosen;
      throw new Failure('interrupted', 'Not brought in.', 'Name the directory, and try again: --into <dir>');
    },
    async confirm(plan) {
      output.say(describePlan(plan, output.style));
      return takesIt || questions.confirm(question, trust === 'other' ? NAME_THEM : 'Answer it with -y');
    },
  };
}

const INSTRUCTIONS =
  'this session was written by somebody else. All of it is instructions to your Claude, which will read it as its own past: bring it in only if you trust them with what Claude may do here.';
/**
 * Whoever once had a session can send it back with other words in it: which is newer is told by its records'
 * ids.
 */
const TAKES_YOURS =
  'you have this session already. If theirs went on, it takes the place of yours, also where they changed earlier words; yours is kept for a week. To have both: --as-new';
const NAME_THEM = 'Name who signed it, with -y, --from <key> and --into <dir>';

function noChoice(candidates: readonly string[]): Failure {
  const likely = candidates.slice(0, 3).map((path) => `\n  ${path}`);
  return new Failure(
    'usage',
    'It is not certain which directory of this machine the session is to live in.',
    `Name it with --into <dir>. Likely ones:${likely.join('')}`,
  );
}

/** Says what came of it, and what is not as it was. */
export function tellOfImport({ output }: Context, { outcome, directory, replaced, left, leftHere }: Imported): void {
  const outcomes = {
    new: `Brought in, to ${printable(directory)}.`,
    updated: 'Brought up to date.',
    unchanged: 'It is on this machine already, as new or newer; nothing was changed.',
  };
  output.say(outcomes[outcome]);
  if (replaced !== null) output.say(`What was replaced is kept until you go on with it, at most a week: ${replaced}`);
  // What was left out there was shown before the question.
  if (leftHere.length > 0)
    output.say(`Left out or not adapted here: ${someOf(leftHere.map(({ what }) => what))} (-v says why)`);
  for (const { what, why } of left) output.trace(`${what}: ${why}`);
}
