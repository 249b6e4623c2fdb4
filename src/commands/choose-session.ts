import { gitRootOf } from '../claude/git-root.ts';
import { liveSessions } from '../claude/live-sessions.ts';
import { describeSession, type Session } from '../claude/session.ts';
import { isSessionId } from '../claude/session-id.ts';
import { newestSessions, sessionsOf } from '../claude/sessions-here.ts';
import { completeSessionId, findTranscripts } from '../claude/transcript-files.ts';
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

/** A session that changed this recently, in milliseconds, is taken without a question. */
const RECENT_MS = 24 * 3600 * 1000;
/** How many sessions are offered at most. */
const MAX_OFFERED = 20;

/**
 * The session to publish: the one given, else the one that runs this command, else one of the current folder.
 *
 * Throws `no-session` if there is none, or if somebody would have to be asked and nobody is there.
 */
export async function chooseSession(
  context: Context,
  given: string | undefined,
  force: boolean,
): Promise<ChosenSession> {
  const { claudeFolder, claudeSessionId } = context.environment;
  if (given !== undefined) return givenSession(claudeFolder, completeSessionId(claudeFolder, given), force);
  if (claudeSessionId !== undefined && isSessionId(claudeSessionId)) {
    // The first prompt of a session runs before its transcript is written, so that the file may be missing.
    const [file] = findTranscripts(claudeFolder, claudeSessionId);
    return file === undefined
      ? { id: claudeSessionId, directory: workingDirectory(), title: null }
      : describeSession(file);
  }
  return sessionOfFolder(context);
}

function givenSession(claudeFolder: string, id: string, force: boolean): ChosenSession {
  const [file] = findTranscripts(claudeFolder, id);
  if (file !== undefined) return describeSession(file);
  if (force) return { id, directory: null, title: null };
  throw new Failure(
    'no-session',
    `There is no session ${id} on this machine.`,
    `Check the id; to publish it all the same: cclink ${id} --force`,
  );
}

async function sessionOfFolder(context: Context): Promise<ChosenSession> {
  const { environment, questions, yes } = context;
  const cwd = workingDirectory();
  if (cwd === null) {
    throw new Failure(
      'no-session',
      'The current directory was deleted.',
      'Change into a project folder, or name the session: cclink <id>',
    );
  }
  const open = new Set(liveSessions(environment.claudeFolder).map(({ sessionId }) => sessionId));
  const isRecent = ({ id, modifiedMs }: Session) => open.has(id) || Date.now() - modifiedMs < RECENT_MS;

  const offered: Session[] = [];
  for (const session of sessionsOf(environment.claudeFolder, cwd, gitRootOf(cwd), open)) {
    offered.push(session);
    if (offered.length === MAX_OFFERED) break;
  }
  const [first, second] = offered;
  if (first === undefined) throw noneHere(environment.claudeFolder, cwd);
  const oneOnly = isRecent(first) && (second === undefined || !isRecent(second));
  if (oneOnly || (isRecent(first) && (yes || !questions.possible))) return first;
  if (!questions.possible) {
    throw new Failure(
      'no-session',
      `No session of this folder was used within a day; the newest is ${describeOne(first)}.`,
      `To publish it all the same: cclink ${first.id}`,
    );
  }
  return questions.choose(
    'Which session?',
    offered.map((session) => ({
      name: `${session.id.slice(0, 8)}  ${describeOne(session)}${open.has(session.id) ? ', open now' : ''}`,
      value: session,
      description: [
        `${kilobytes(session.size)}, in ${printable(session.directory ?? '?')}`,
        excerpt(session.firstPrompt ?? '', 100),
      ]
        .filter((line) => line !== '')
        .join('\n'),
    })),
  );
}

function describeOne({ title, id, modifiedMs }: Session): string {
  const name = title === null ? id : `“${excerpt(title, 60)}”`;
  return `${name}, ${describeAge((Date.now() - modifiedMs) / 1000)}`;
}

const kilobytes = (bytes: number) => `${Math.ceil(bytes / 1000).toLocaleString('en')} kB`;

function noneHere(claudeFolder: string, cwd: string): Failure {
  const elsewhere = newestSessions(claudeFolder, 5).map(
    (session) =>
      `  cclink ${session.id}   ${describeOne(session)}, in ${printable(session.directory ?? 'an unknown folder')}`,
  );
  return new Failure(
    'no-session',
    `There is no Claude Code session of ${cwd}.`,
    elsewhere.length === 0
      ? `There is none in ${claudeFolder} at all: start claude in your project first.`
      : ['The newest elsewhere, with the line to publish each:', ...elsewhere].join('\n'),
  );
}
