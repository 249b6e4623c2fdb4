import { copyHost, copyLine } from '../claude/copy-line.ts';
import { Failure } from '../failure.ts';
import type { FoundHandoff } from './reader.ts';

/** What stands in the way of going on with a session here, by its files; null if nothing does. */
export function sessionObstacle(found: FoundHandoff, claudeFolder: string): Failure | null {
  const { here, directory, directoryExists, canEnter, transcript, defect } = found.local;
  if (!here) {
    return noSession(
      'The files of this session are not on this machine, and a handoff is only a pointer to them.',
      `Bring them over, and pick up again. Nothing was burnt.\n  ${copyLineFor(found, claudeFolder)}`,
    );
  }
  if (defect === 'unreadable') {
    return noSession(
      `The session is here, but its file can't be read: ${transcript}`,
      'Mend its permissions (chmod u+r, or chown), and pick up again.',
    );
  }
  if (defect === 'empty') {
    return noSession(
      `The file of the session is here, but holds no conversation: ${transcript}`,
      `Wait until it is copied whole, or copy it, and pick up again.\n  ${copyLineFor(found, claudeFolder)}`,
    );
  }
  if (directory === null || !directoryExists) return directoryMissing(found, directory);
  if (!canEnter) {
    return noSession(
      `The session is here, but you may not enter its directory: ${directory}`,
      'Mend its permissions (chmod u+x, or chown), and pick up again.',
    );
  }
  return null;
}

/**
 * The line that copies the session of a handoff here. Of a burn handoff it has only the beginning of the id,
 * and a host only where the publisher is the user.
 */
export function copyLineFor({ record, payload, isProvenOwn }: FoundHandoff, claudeFolder: string): string {
  const id = record.burn ? payload.session.slice(0, 8) : payload.session;
  return copyLine(claudeFolder, id, copyHost(isProvenOwn ? payload.host : ''));
}

function directoryMissing({ record, payload }: FoundHandoff, directory: string | null): Failure {
  // The whole id of a burn handoff is shown to nobody before it is burnt.
  const withoutCclink = record.burn ? null : `go on without cclink: claude --resume ${payload.session}`;
  if (directory === null) {
    return noSession(
      'The session is here, but its files do not tell which directory it belongs to.',
      withoutCclink === null
        ? 'Pick it up in the project folder that it belongs to.'
        : `Change into its project folder and ${withoutCclink}`,
    );
  }
  const make = 'Make it (git clone, or mkdir -p), and pick up again';
  return noSession(
    `The session is here, but its directory ${directory} is not.`,
    withoutCclink === null ? make : `${make}, or ${withoutCclink}`,
  );
}

function noSession(message: string, hint: string): Failure {
  return new Failure('no-session', message, hint);
}
