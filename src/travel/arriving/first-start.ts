import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isSessionId } from '../../claude/session-id.ts';
import { removeIfThere, writeAtomically } from '../../files/atomic-write.ts';
import { makePrivateFolder } from '../../files/folders.ts';
import { readSmallFile } from '../../files/regular-file.ts';

/** What `claude` is given when it first goes on with a session that was brought in. */
export interface FirstStart {
  /** Safe options, for a session of somebody else. */
  readonly claudeOptions: readonly string[];
  /** What it is told with `--append-system-prompt`; null if nothing. */
  readonly systemPrompt: string | null;
}

/** The same as words for `claude`, to stand before those of its user. */
export function firstStartOptions({ claudeOptions, systemPrompt }: FirstStart): string[] {
  return [...claudeOptions, ...(systemPrompt === null ? [] : ['--append-system-prompt', systemPrompt])];
}

const MAX_BYTES = 65_536;
/** Whoever has not gone on with a session for so long has done it without us, in milliseconds. */
const FORGET_AFTER_MS = 30 * 86_400_000;

/**
 * The sessions that were brought in, and that `claude` has not been started with from here: a file for each
 * below the state folder. Between the two a handoff is burnt, which may fail or be interrupted; whoever goes
 * on then must not start a stranger's session as if it were their own.
 */
export class FirstStarts {
  readonly #folder: string;

  constructor(stateFolder: string) {
    this.#folder = join(stateFolder, 'first-starts');
  }

  /** Notes how session `id` is to be started. Throws `refused` if that can't be written down. */
  note(id: string, { claudeOptions, systemPrompt }: FirstStart): void {
    makePrivateFolder(this.#folder);
    this.#sweep();
    writeAtomically(this.#fileOf(id), Buffer.from(JSON.stringify({ claudeOptions, systemPrompt })));
  }

  /** How session `id` is to be started first; null if it was not brought in, or has been started since. */
  of(id: string): FirstStart | null {
    try {
      const content = readSmallFile(this.#fileOf(id), MAX_BYTES);
      return typeof content === 'string' ? null : parse(content.toString());
    } catch {
      return null;
    }
  }

  /** Notes that `claude` was started with session `id`, or its user told how. */
  drop(id: string): void {
    removeIfThere(this.#fileOf(id));
  }

  #fileOf(id: string): string {
    if (!isSessionId(id)) throw new TypeError('Not a session id.');
    return join(this.#folder, `${id}.json`);
  }

  #sweep(): void {
    for (const name of readdirSync(this.#folder)) {
      const path = join(this.#folder, name);
      const modifiedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (Date.now() - modifiedMs > FORGET_AFTER_MS) removeIfThere(path);
    }
  }
}

function parse(text: string): FirstStart | null {
  const { claudeOptions, systemPrompt } = JSON.parse(text) as Record<string, unknown>;
  const isTexts = Array.isArray(claudeOptions) && claudeOptions.every((word) => typeof word === 'string');
  if (!isTexts || (systemPrompt !== null && typeof systemPrompt !== 'string')) return null;
  return { claudeOptions, systemPrompt };
}
