import { gitRootOf } from '../../claude/git-root.ts';
import type { SessionContents } from '../../claude/session-contents.ts';
import type { SessionPlace } from '../../claude/session-layout.ts';
import { Failure } from '../../failure.ts';
import type { GitFacts } from '../../process/git.ts';
import { writeBundle } from '../bundle/bundle-writer.ts';
import type { Loss, Manifest } from '../bundle/manifest.ts';
import { SecretFiles } from '../secrets/files/secret-files.ts';
import { withoutCutEnd } from '../secrets/mask/cut-end.ts';
import { Mask } from '../secrets/mask/mask.ts';
import { PlaceholderNumbers } from '../secrets/mask/placeholder.ts';
import { LIBRARY_RULES } from '../secrets/rules/library-rules.ts';
import type { SecretRule } from '../secrets/rules/secret-rule.ts';
import { OWN_RULES } from '../secrets/rules/secret-rules.ts';
import { ExactValues } from '../secrets/scan/exact-values.ts';
import { Findings } from '../secrets/scan/findings.ts';
import { type KnownValue, knownValues } from '../secrets/scan/known-values.ts';
import { type NamedPlace, namePlaces } from '../secrets/scan/place-names.ts';
import { type Finding, SecretScanner } from '../secrets/scan/secret-scanner.ts';
import { manifestOf, UNSIGNED } from './departing-manifest.ts';
import { type DepartingSession, told } from './departing-session.ts';
import { type ExportOptions, type PreparedExport, whileUnchanged } from './export.ts';
import { type SpooledSession, type Spooling, spoolAgain, spoolSession } from './spooled-session.ts';

/** What is to be frozen; who signs it, and which handoff it belongs to, is said when it leaves. */
export interface FreezeOptions extends Omit<ExportOptions, 'from' | 'handoff' | 'onRead'> {
  /** Of this machine: the frozen session lies there, in a file that has no name. Made if it is not there. */
  readonly stateFolder: string;
  /** The environment, of which the values of variables that are named like secrets are looked for. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Is told of bytes of the session as they are worked on. Each is twice: it is read, and looked through. */
  readonly onRead?: (bytes: number) => void;
}

/** Secrets of one kind that were found. */
export interface FoundSecrets {
  /** In words for a person, singular: `GitHub token`. */
  readonly kind: string;
  /** How many different ones. */
  readonly values: number;
  /** In how many places they were found, all together. */
  readonly places: number;
  /** The first few places. */
  readonly where: readonly SecretPlace[];
}

/** A place in a session, and how many secrets of a kind were found there. */
export interface SecretPlace extends NamedPlace {
  readonly times: number;
}

/** A session for somebody else as it was at one moment: whatever is said in it later, this is what leaves. */
export interface FrozenSession {
  /** The secrets in it, the most frequent kind first. Masking does not change this. */
  readonly found: readonly FoundSecrets[];
  /** What does not leave, and why; files of secrets among it. */
  readonly left: readonly Loss[];
  /** What the files that leave amount to now, not compressed. */
  readonly bytes: number;
  /**
   * Masks what was found, and looks again. `onRead` is told of bytes as that of `FreezeOptions`, each twice.
   *
   * Throws `refused` if something can still be found: then nothing may leave.
   */
  mask(onRead?: (bytes: number) => void): Promise<void>;
  /**
   * What leaves: masked after `mask`, else as it is. May be called more than once, before `mask` and after.
   * `onRead` is told of bytes as they leave, `bytes` in all. To close it closes nothing: the frozen session
   * is what is to be closed.
   */
  prepared(of: Pick<Manifest, 'from' | 'handoff'>, onRead?: (bytes: number) => void): PreparedExport;
  /** Gives the disk back that it took. */
  close(): void;
}

/** By what secrets are found: where two find the same value, the first names its kind. */
const RULES: readonly SecretRule[] = [...LIBRARY_RULES, ...OWN_RULES];
/** How often a session is masked, before what still shows is left out: a mask may let a rule see more. */
const MOST_ROUNDS = 3;

/**
 * Reads a session once, as it will leave for somebody else, and finds the secrets in it. It is read again
 * where it is changed meanwhile, with what `contents` finds then.
 *
 * Throws as `prepareExport` does, and `refused` if there is no room for it.
 */
export function freezeSession(
  contents: () => SessionContents,
  options: FreezeOptions,
  rules: readonly SecretRule[] = RULES,
): Promise<FrozenSession> {
  return whileUnchanged(() => freezeOnce(contents(), options, rules));
}

async function freezeOnce(
  contents: SessionContents,
  options: FreezeOptions,
  rules: readonly SecretRule[],
): Promise<FrozenSession> {
  const frozen = new Frozen(contents.place, options, rules);
  try {
    await frozen.read(contents);
    return frozen;
  } catch (error) {
    frozen.close();
    throw error;
  }
}

class Frozen implements FrozenSession {
  found: readonly FoundSecrets[] = [];
  readonly #place: SessionPlace;
  readonly #options: FreezeOptions;
  readonly #rules: readonly SecretRule[];
  readonly #secretFiles = new SecretFiles();
  #known: readonly KnownValue[] = [];
  readonly #numbers = new PlaceholderNumbers();
  #secrets = new Findings();
  #kept: SpooledSession | null = null;
  #mask: Mask | null = null;
  #git: GitFacts | null = null;

  constructor(place: SessionPlace, options: FreezeOptions, rules: readonly SecretRule[]) {
    this.#place = place;
    this.#options = options;
    this.#rules = rules;
  }

  /** Reads the session, and finds what is secret in it. */
  async read(contents: SessionContents): Promise<void> {
    const { session, variables, onRead = () => {} } = this.#options;
    const { directory } = session;
    this.#kept = await spoolSession(contents, this.#spooling(null, onRead));
    this.#git = await this.#options.git;
    if (this.#secretFiles.needsAnotherPass) this.#keep(await spoolAgain(this.#kept, this.#spooling(null)));
    const gitRoot = directory === null ? null : gitRootOf(directory);
    this.#known = knownValues({ variables, directory, gitRoot, shown: this.#secretFiles.values });
    const found = await this.#search(this.#leaving, asItIs, (block) => {
      onRead(block.length);
      this.#numbers.see(block);
    });
    this.#secrets = found;
    this.found = await inWords(found, this.#leaving);
  }

  get left(): readonly Loss[] {
    return this.#manifest(UNSIGNED).left;
  }

  get bytes(): number {
    return this.#leaving.bytes;
  }

  async mask(onRead: (bytes: number) => void = () => {}): Promise<void> {
    if (this.#mask !== null || this.#secrets.size === 0) return;
    const first = this.#numbers.highest + 1;
    let stubbornFiles: ReadonlySet<string> = new Set();
    let stubborn: readonly KnownValue[] = [];
    for (let round = 1; ; round += 1) {
      const mask = new Mask([...this.#secrets.values()], first, stubborn);
      const masked = await spoolAgain(this.#held, { ...this.#spooling(mask, onRead), stubborn: stubbornFiles });
      try {
        if (isEmptied(masked.leaving, this.#leaving)) throw emptied();
        const inText = (text: string) => this.#masked(text, mask);
        const found = await this.#search(masked.leaving, inText, (block) => onRead(block.length));
        if (found.size === 0) {
          this.#keep(masked);
          this.#mask = mask;
          return;
        }
        if (stubborn.length > 0) throw notMasked(found);
        const isMore = this.#secrets.addAll(found);
        const isStubborn = !isMore || round >= MOST_ROUNDS;
        // What holds it goes as a whole, rather than that nothing leaves, or all of it as it is. Files beside
        // the transcripts first: the same values may be masked elsewhere.
        if (isStubborn && stubbornFiles.size === 0) stubbornFiles = found.files;
        else if (isStubborn) stubborn = [...found.values()];
      } catch (error) {
        masked.close();
        this.close();
        throw error;
      }
      masked.close();
    }
  }

  prepared(of: Pick<Manifest, 'from' | 'handoff'>, onRead: (bytes: number) => void = () => {}): PreparedExport {
    const leaving = this.#leaving;
    const manifest = this.#manifest(of);
    return {
      manifest,
      bytes: leaving.bytes,
      stream: (recipient, sign) => writeBundle(manifest, sign, leaving.files(onRead), recipient),
      close: () => {},
    };
  }

  close(): void {
    this.#kept?.close();
    this.#kept = null;
  }

  get #held(): SpooledSession {
    if (this.#kept === null) throw new TypeError('It is closed.');
    return this.#kept;
  }

  get #leaving(): DepartingSession {
    return this.#held.leaving;
  }

  #keep(kept: SpooledSession): void {
    this.#kept?.close();
    this.#kept = kept;
  }

  #spooling(mask: Mask | null, onRead: (bytes: number) => void = () => {}): Spooling {
    const { session, withoutThinking, stateFolder } = this.#options;
    const { directory } = session;
    return {
      folder: stateFolder,
      secretFiles: this.#secretFiles,
      mask,
      keepThinking: !withoutThinking,
      directory: directory === null || mask === null ? directory : mask.inText(directory),
      stubborn: new Set(),
      onRead,
    };
  }

  async #search(leaving: DepartingSession, inText: InText, onBlock: (block: Buffer) => void): Promise<Findings> {
    const found = new Findings();
    const note = ({ kind, value, line }: Finding, file: string) => {
      // By its id a session is known to everybody who has it, and each of its records holds it.
      if (value !== this.#place.sessionId) found.add(kind, { file, line, value });
      if (found.areTooMany) throw tooMany();
    };
    const scanner = new SecretScanner(this.#rules, new ExactValues([...this.#known, ...this.#secrets.values()]));
    for (const { file, content } of leaving.departures) {
      await scanner.scan(told(content(), onBlock), (finding) => note(finding, file.name));
    }
    const texts = leaving.departures.map(({ file }) => file.name);
    this.#manifestOf(leaving, UNSIGNED, (text) => {
      const written = inText(text);
      texts.push(written);
      return written;
    });
    await scanner.scan([Buffer.from(texts.join('\n\n'))], (finding) => {
      // Most of these texts are of the transcript, and no other place.
      if (!found.has(finding.value)) note(finding, BUNDLE_ITSELF);
    });
    return found;
  }

  #manifest(of: Pick<Manifest, 'from' | 'handoff'>): Manifest {
    const mask = this.#mask;
    const manifest = this.#manifestOf(this.#leaving, of, mask === null ? asItIs : (text) => this.#masked(text, mask));
    if (mask === null && this.#secrets.size > 0) return manifest;
    return { ...manifest, masked: mask?.counts ?? [] };
  }

  #manifestOf(leaving: DepartingSession, of: Pick<Manifest, 'from' | 'handoff'>, inText: InText): Manifest {
    return manifestOf(this.#place, { ...this.#options, ...of }, this.#git, leaving, inText);
  }

  #masked(text: string, mask: Mask): string {
    return mask.inText(withoutCutEnd(text, this.#secrets.values()));
  }
}

/** Where the texts of the manifest are found. */
const BUNDLE_ITSELF = 'what the bundle says of it';

type InText = (text: string) => string;

const asItIs = (text: string) => text;

/** The kinds that were found, and their first places in words. */
async function inWords(found: Findings, { departures }: DepartingSession): Promise<FoundSecrets[]> {
  const kinds = found.kinds();
  const places = kinds.flatMap(({ first }) => first);
  const names = await namePlaces(places, departures);
  const mask = new Mask([...found.values()], 1);
  return kinds.map(({ kind, values, places, first }) => {
    const where = first.map((place) => {
      const { what, at } = names.get(place) ?? { what: place.file, at: null };
      return { what: mask.inText(what), at, times: place.times };
    });
    return { kind, values, places, where };
  });
}

/** Whether nothing is left of the transcript: each record held a value where nothing can be masked. */
function isEmptied({ departures: [after] }: DepartingSession, { departures: [before] }: DepartingSession): boolean {
  return after?.bytes === 0 && before?.bytes !== 0;
}

function emptied(): Failure {
  return new Failure(
    'refused',
    'What was found stands in every record, where nothing can be masked, so nothing has left.',
    'Is it the value of a variable, and no secret? Try it without that variable. --no-mask sends the session as it is.',
  );
}

function tooMany(): Failure {
  return new Failure(
    'refused',
    'More different keys and passwords were found in it than can be masked, so nothing has left.',
    'So many are none of yours: a list of made-up ones? --no-mask sends the session as it is.',
  );
}

function notMasked(found: Findings): Failure {
  const kinds = found.kinds().map(({ kind, first }) => `${kind} in ${first[0]?.file}`);
  return new Failure(
    'refused',
    `Not all could be masked (${kinds.slice(0, 3).join(', ')}), so nothing has left.`,
    'Please report it as a bug of cclink, without the session. --no-mask sends the session as it is.',
  );
}
