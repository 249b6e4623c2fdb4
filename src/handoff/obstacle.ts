import { copyHost, copyLine, plainHost } from '../claude/copy-line.ts';
import { findsAnywhere } from '../claude/resume-place.ts';
import { Failure } from '../failure.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import type { FoundHandoff } from './reader.ts';

/** What stands in the way of going on with a session here, by its files; null if nothing does. */
export function sessionObstacle(found: FoundHandoff, claudeFolder: string): Failure | null {
  const { here, directory, directoryExists, canEnter, transcript, defect, unreadable } = found.local;
  if (unreadable !== null) return unreadable;
  if (!here) {
    return noSession(
      'The files of this session are not on this machine, and a handoff is only a pointer to them.',
      found.payload.t === undefined
        ? `Bring them over, and pick up again. Nothing was burnt.\n  ${bringLineFor(found, claudeFolder)}`
        : `They were put into a folder: name it as it is called here. Nothing was burnt.\n${linesWithFolder(found)}`,
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
  if (defect === 'read-only') {
    return noSession(
      `The session is here, but its file can't be written, so claude would save nothing of what follows: ${transcript}`,
      'Mend its permissions (chmod u+w, or chown), and pick up again.',
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
 * Why the `claude` that is to go on would not find the session in its directory; null if it will.
 * `claudeVersion` asks it for its version (`2.1.222`; null if it can't be told), where that matters.
 * `isSpent`: there will be no other try, so it must be known that it will.
 */
export async function findingObstacle(
  { local }: FoundHandoff,
  isSpent: boolean,
  claudeVersion: () => Promise<string | null>,
): Promise<Failure | null> {
  if (local.foundBy === 'every') return null;
  const place = `in ${local.directory}, as it was started in a directory of another name`;
  if (local.foundBy === 'none') {
    return noSession(
      `The session is here, but claude would not find it ${place}, and its file is in several project folders, or behind a link.`,
      `Leave one copy of ${local.transcript}, in a project folder that is no link, and pick up again. Nothing was burnt.`,
    );
  }
  const version = await claudeVersion();
  if (version === null ? !isSpent : findsAnywhere(version)) return null;
  return noSession(
    version === null
      ? `The session is here, but claude may not find it ${place}: its version is not known.`
      : `The session is here, but this claude (${version}) would not find it ${place}.`,
    'Update Claude Code to 2.1.223 or later (claude update), and pick up again. Nothing was burnt.',
  );
}

/**
 * The line that copies the session of a handoff here. Of a burn handoff it has only the beginning of the id,
 * and a host only where the publisher is the user.
 */
function copyLineFor({ record, payload, isProvenOwn }: FoundHandoff, claudeFolder: string): string {
  const id = record.burn ? payload.session.slice(0, 8) : payload.session;
  return copyLine(claudeFolder, id, copyHost(isProvenOwn ? payload.host : ''));
}

/**
 * The line that brings the files of a handoff's session here, and goes on: through ssh where the publisher is
 * the user and named a host, else a line that copies them.
 */
export function bringLineFor(found: FoundHandoff, claudeFolder: string): string {
  const host = found.isProvenOwn ? plainHost(found.payload.host) : null;
  return host === null ? copyLineFor(found, claudeFolder) : `cclink pickup --ssh ${host}`;
}

/** The lines that pick a handoff up whose files are in a folder: from there, or from their owner's host. */
function linesWithFolder({ record, payload, isProvenOwn, subject }: FoundHandoff): string {
  const who = subject.isOwn ? '' : ` ${encodePublicKey(record.publicKey)}`;
  const host = isProvenOwn ? plainHost(payload.host) : null;
  const lines = [`cclink pickup${who} --folder <dir>`, ...(host === null ? [] : [`cclink pickup --ssh ${host}`])];
  return lines.map((line) => `  ${line}`).join('\n');
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
