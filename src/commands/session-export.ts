import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { gitRootOf } from '../claude/git-root.ts';
import { describeSession, type Session } from '../claude/session.ts';
import { type SessionContents, sessionContents } from '../claude/session-contents.ts';
import { findTranscripts, type TranscriptFile, Unreadable } from '../claude/transcript-files.ts';
import { Failure } from '../failure.ts';
import { type GitFacts, gitFacts, isNewToGit } from '../process/git.ts';
import type { ExportOptions } from '../travel/leaving/export.ts';
import type { Context } from './context.ts';

/** A session of this machine, as it is to be exported, but for whom. */
export interface SessionExport {
  readonly session: Session;
  /** What it consists of; looks again each time. */
  readonly contents: () => SessionContents;
  readonly options: Omit<ExportOptions, 'audience' | 'from' | 'handoff' | 'onRead'>;
}

/**
 * The session `id`, a whole id, as it is to be exported: of several transcripts the one that was written
 * last. git is asked meanwhile what stays here.
 *
 * Throws `no-session` if it has no file here, or if that can't be read.
 */
export function sessionExport(
  context: Context,
  id: string,
  { memory = false, withoutThinking = false }: { readonly memory?: boolean; readonly withoutThinking?: boolean } = {},
): SessionExport {
  const { claudeFolder, home } = context.environment;
  const session = describeSession(newestTranscript(claudeFolder, id));
  return {
    session,
    contents: () => contentsHere(context, id, memory),
    options: {
      session,
      withoutThinking,
      git: staysHere(context, session.directory),
      machine: { home, host: hostname(), platform: process.platform },
      nowMs: Date.now(),
    },
  };
}

/** The files of session `id` on this machine, with `memory` those notes too. Throws as `sessionExport`. */
export function contentsHere({ environment }: Context, id: string, memory: boolean): SessionContents {
  const { claudeFolder, home, keyFile } = environment;
  const secrets = [keyFile, ...SECRETS_AT_HOME.map((name) => join(home, name))];
  return sessionContents(claudeFolder, newestTranscript(claudeFolder, id), { memory, secrets });
}

/** What must not leave under another name either. Claude Code's own secrets are known where its files are. */
const SECRETS_AT_HOME = ['.claude.json', '.pubky', '.ssh', '.gnupg', '.aws', '.netrc', '.git-credentials'];

/**
 * The state of the git repository that contains a directory, if git tells it within `timeoutMs`
 * (milliseconds); null if it is in none. Never rejects.
 */
export async function staysHere(
  { environment: { variables } }: Context,
  directory: string | null,
  timeoutMs?: number,
): Promise<GitFacts | null> {
  // Where there is no repository, git is not started: on a Mac without it, that asks to install it.
  if (directory === null || gitRootOf(directory) === null) return null;
  return gitFacts(directory, { variables, ...(timeoutMs !== undefined && { timeoutMs }) });
}

/** Whether the next `git add .` would take a file along. Never rejects. */
export async function isInSightOfGit({ environment: { variables } }: Context, file: string): Promise<boolean> {
  const whole = resolve(file);
  return gitRootOf(dirname(whole)) !== null && isNewToGit(whole, { variables });
}

function newestTranscript(claudeFolder: string, id: string): TranscriptFile {
  const problems = new Unreadable();
  const [file] = findTranscripts(claudeFolder, id, problems.note);
  if (file !== undefined) return file;
  throw (
    problems.first ??
    new Failure('no-session', `Session ${id} has no file on this machine yet.`, 'Say something in it first.')
  );
}
