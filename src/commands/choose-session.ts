import { gitRootOf } from '../claude/git-root.ts';
import { type LiveSession, liveSessions } from '../claude/live-sessions.ts';
import { isRecent, isRunningSession } from '../claude/running-session.ts';
import { describeSession, type Session } from '../claude/session.ts';
import { isSessionId } from '../claude/session-id.ts';
import { newestSessions, type Surroundings, sessionsOf } from '../claude/sessions-here.ts';
import {
  completeSessionId,
  findTranscripts,
  type TranscriptFile,
  Unreadable,
  unreadable,
} from '../claude/transcript-files.ts';
import { workingDirectory } from '../environment.ts';
import { Failure } from '../failure.ts';
import { excerpt, printable } from '../terminal/printable.ts';
import { describeAge } from '../time.ts';
import type { Context } from './context.ts';

/** The session that is to be published. */
export interface ChosenSession {
  readonly id: string;
  readonly directory: string | null;
  readonly title: string | null;
}

/** How many sessions are offered at most. */
const MAX_OFFERED = 20;

/** What a session is chosen for. */
export interface Purpose {
  readonly verb: 'publish' | 'export';
  /** True if the id that is given may have no session file here. */
  readonly force: boolean;
}

/** The line that does it with the session `id`. */
const lineFor = ({ verb }: Purpose, id: string) => `cclink ${verb === 'publish' ? '' : `${verb} `}${id}`;

/**
 * The session to publish or export: the one given, else the one that runs this command, else one of the
 * current folder.
 *
 * Throws `no-session` if there is none, if it can't be read, or if somebody would have to be asked and nobody
 * is there.
 */
export async function chooseSession(
  context: Context,
  given: string | undefined,
  purpose: Purpose,
): Promise<ChosenSession> {
  const { claudeFolder, claudeSessionId } = context.environment;
  if (given !== undefined) return givenSession(claudeFolder, completeSessionId(claudeFolder, given), purpose);
  const live = liveSessions(claudeFolder);
  const running =
    claudeSessionId !== undefined && isSessionId(claudeSessionId)
      ? runningSession(context, claudeSessionId, live, purpose)
      : null;
  return running ?? sessionOfFolder(context, live, purpose);
}

/** The transcript of session `id` that was written last, described; null if it is not on this machine. */
function sessionWithId(claudeFolder: string, id: string): Session | null {
  const problems = new Unreadable();
  const [file, ...copies] = findTranscripts(claudeFolder, id, problems.note);
  if (file === undefined && problems.first !== null) throw problems.first;
  if (file === undefined) return null;
  const session = described(file);
  if (session.directory !== null) return session;
  // Copied to the project folder of another directory, it does not tell which one that is.
  const directories = copies.map((copy) => {
    try {
      return describeSession(copy).directory;
    } catch {
      return null;
    }
  });
  return { ...session, directory: directories.find((directory) => directory !== null) ?? null };
}

function described(file: TranscriptFile): Session {
  try {
    return describeSession(file);
  } catch (error) {
    throw unreadable(file.path, error);
  }
}

function givenSession(claudeFolder: string, id: string, { verb, force }: Purpose): ChosenSession {
  const unknown = { id, directory: null, title: null };
  try {
    const session = sessionWithId(claudeFolder, id);
    if (session !== null && (force || session.standing !== 'empty')) return session;
    if (force) return unknown;
    throw new Failure(
      'no-session',
      session === null
        ? `There is no session ${id} on this machine.`
        : `Session ${id} holds no conversation that Claude Code could go on with.`,
      verb === 'publish' ? `Check the id; to publish it all the same: cclink ${id} --force` : 'Check the id.',
    );
  } catch (error) {
    if (force && error instanceof Failure) return unknown;
    throw error;
  }
}

/**
 * The session `id` that the environment says runs this command; null if that can't be believed: it is not
 * open, and was not used within a day, or not as recently as another one of this folder, or there is one and
 * nothing was said in this. That is told.
 */
function runningSession(
  context: Context,
  id: string,
  live: readonly LiveSession[],
  purpose: Purpose,
): ChosenSession | null {
  const { environment, output } = context;
  const isRunning = isRunningSession(id, live);
  const session = sessionWithId(environment.claudeFolder, id);
  if (session !== null && isRunning) return session;
  const name = `session ${id}, which CLAUDE_CODE_SESSION_ID names,`;
  // The first prompt of a session runs before its transcript is written, so that the file may be missing.
  if (session === null && (isRunning || environment.underClaudeCode)) {
    if (!isRunning) output.warn(`${name} has no file on this machine yet.`);
    return { id, directory: workingDirectory(), title: null };
  }
  // The same goes for its first record.
  const mayGrow = session !== null && (session.standing !== 'empty' || environment.underClaudeCode);
  if (mayGrow && isRecent(session)) {
    const cwd = workingDirectory();
    const [newest] = cwd === null ? [] : sessionsOf(environment.claudeFolder, cwd, surroundingsOf(context, cwd, live));
    if (newest === undefined || newest.id === id) return session;
    const isBehind = newest.standing === 'typed' && (isSilent(session) || newest.modifiedMs > session.modifiedMs);
    if (!isBehind) {
      output.warn(
        `${name} is taken, ${describeOne(session)}; the newest of this folder is another, ${describeOne(newest)}. To ${purpose.verb} that one: ${lineFor(purpose, newest.id)}`,
      );
      return session;
    }
  }
  const why =
    session === null
      ? 'is not on this machine'
      : `is not open, and ${isSilent(session) ? 'holds no conversation' : `was last used ${ageOf(session)}`}`;
  output.warn(`${name} ${why}; it is not taken. To ${purpose.verb} it: ${lineFor(purpose, id)}`);
  return null;
}

const isSilent = ({ standing }: Session) => standing === 'empty' || standing === 'commands';

/** What is known of the directory whose sessions are looked for. */
function surroundingsOf({ environment }: Context, cwd: string, live: readonly LiveSession[]): Surroundings {
  return { gitRoot: gitRootOf(cwd), spelling: environment.variables['PWD'], live };
}

async function sessionOfFolder(
  context: Context,
  live: readonly LiveSession[],
  purpose: Purpose,
): Promise<ChosenSession> {
  const { environment, questions, output, yes } = context;
  const cwd = workingDirectory();
  if (cwd === null) {
    throw new Failure(
      'no-session',
      'The current directory was deleted.',
      `Change into a project folder, or name the session: ${lineFor(purpose, '<id>')}`,
    );
  }
  const problems = new Unreadable();
  const offered: Session[] = [];
  const surroundings = { ...surroundingsOf(context, cwd, live), onUnreadable: problems.note };
  for (const session of sessionsOf(environment.claudeFolder, cwd, surroundings)) {
    offered.push(session);
    if (offered.length === MAX_OFFERED) break;
  }
  const [first] = offered;
  if (first === undefined) throw problems.first ?? noneHere(environment.claudeFolder, cwd, purpose);
  if (problems.first !== null) output.warn(`${problems.first.message} A session there is not offered.`);

  const choice = chooseFrom(offered, new Set(live.map(({ sessionId }) => sessionId)));
  if (choice.kind === 'this') return choice.session;
  if (choice.kind === 'newest' && (yes || !questions.possible)) {
    const { session, open } = choice;
    if (open !== null) {
      output.warn(
        `the newest session of this folder is taken, ${describeOne(session)}; open in a running claude is another, ${describeOne(open)}. To ${purpose.verb} that one: ${lineFor(purpose, open.id)}`,
      );
    }
    return session;
  }
  if (!questions.possible) {
    throw new Failure(
      'no-session',
      `No session of this folder was used within a day; the newest is ${describeOne(first)}.`,
      `To ${purpose.verb} it all the same: ${lineFor(purpose, first.id)}`,
    );
  }
  return questions.choose(
    'Which session?',
    offered.map((session) => ({
      name: nameOf(session, live),
      value: session,
      description: descriptionOf(session),
    })),
    null,
  );
}

/** Which of the sessions of a folder is meant. */
export type Choice<T> =
  | { readonly kind: 'this'; readonly session: T }
  /**
   * Several may be. Where nobody can be asked it is the newest. `open` is another one, which a running Claude
   * Code says is open: up to 2.1.119 it goes on to say so after `/clear`.
   */
  | { readonly kind: 'newest'; readonly session: T; readonly open: T | null }
  /** None was used within a day. */
  | { readonly kind: 'none' };

/** Chooses among `offered`, the likeliest first. `open` are the ids of those open in a Claude Code. */
export function chooseFrom<T extends Pick<Session, 'id' | 'modifiedMs' | 'standing'>>(
  offered: readonly T[],
  open: ReadonlySet<string>,
  nowMs = Date.now(),
): Choice<T> {
  const isOpen = ({ id }: T) => open.has(id);
  const recent = offered.filter((session) => isOpen(session) || isRecent(session, nowMs));
  const [newest] = offered;
  const [session] = recent;
  if (newest === undefined || session === undefined) return { kind: 'none' };
  const marked = isOpen(newest) ? null : (offered.find(isOpen) ?? null);
  if (marked !== null && marked.standing === newest.standing) return { kind: 'newest', session: newest, open: marked };
  return recent.length === 1 ? { kind: 'this', session } : { kind: 'newest', session, open: null };
}

function nameOf(session: Session, live: readonly LiveSession[]): string {
  const marks = [
    live.some(({ sessionId }) => sessionId === session.id) ? ', open now' : '',
    session.standing === 'automated' ? ', run by a program' : '',
  ];
  const { id, title } = session;
  const used = `${ageOf(session)}${marks.join('')}`.padEnd('59 minutes ago'.length);
  // The title comes last: it may be cut.
  return `${id.slice(0, 8)}  ${used}  ${title === null ? '' : `“${excerpt(title, 60)}”`}`;
}

/** Below the name of the marked session: what its name does not say. */
function descriptionOf({ size, directory, firstPrompt, title }: Session): string {
  const prompt = firstPrompt === null || firstPrompt === title ? [] : [excerpt(firstPrompt, 100)];
  return [`${kilobytes(size)}, in ${printable(directory ?? '?')}`, ...prompt].join('\n');
}

function describeOne(session: Session): string {
  const { title, id } = session;
  return `${title === null ? id : `“${excerpt(title, 60)}”`}, ${ageOf(session)}`;
}

const ageOf = ({ modifiedMs }: Session) => describeAge((Date.now() - modifiedMs) / 1000);

const kilobytes = (bytes: number) => `${Math.ceil(bytes / 1000).toLocaleString('en')} kB`;

function noneHere(claudeFolder: string, cwd: string, purpose: Purpose): Failure {
  const problems = new Unreadable();
  const elsewhere = newestSessions(claudeFolder, 5, problems.note).flatMap((session) => [
    `${describeOne(session)}, in ${printable(session.directory ?? 'an unknown folder')}:`,
    `  ${lineFor(purpose, session.id)}`,
  ]);
  if (elsewhere.length === 0 && problems.first !== null) return problems.first;
  return new Failure(
    'no-session',
    `There is no Claude Code session of ${cwd}.`,
    elsewhere.length === 0
      ? `There is none in ${claudeFolder} at all: start claude in your project first.`
      : [`The newest elsewhere, with the line to ${purpose.verb} each:`, ...elsewhere].join('\n'),
  );
}
