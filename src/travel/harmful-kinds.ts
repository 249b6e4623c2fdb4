import { basename } from 'node:path';
import type { SessionFileKind } from '../claude/session-layout.ts';
import type { Loss } from './bundle/manifest.ts';

/** What Claude Code takes for instructions where it reads a file beside it that is below its directory. */
const INSTRUCTIONS = /^(?:claude|claude\.local|agents)\.md$/i;

/**
 * Why a file of a session does not go from one person to another, as a loss; null if it does. Both sides
 * leave it: there, so that nobody else gets it, and here, so that nobody can send it.
 */
export function lossOfFile({ kind, name }: { readonly kind: SessionFileKind; readonly name: string }): Loss | null {
  if (INSTRUCTIONS.test(basename(name))) {
    return { what: basename(name), why: 'Claude Code would take it for instructions of the project' };
  }
  switch (kind) {
    case 'subagent facts':
      return { what: 'notes on its subagents', why: 'Claude Code takes from them where and how one goes on' };
    case 'task':
      return { what: 'its list of tasks', why: 'Claude Code tells the model of it as if they were its own words' };
    default:
      return null;
  }
}

/**
 * The file `name` of the history, where no record that travels needs it: it may be the content of any file.
 */
export function lossOfBackup(name: string, kept: ReadonlySet<string> | null): Loss | null {
  if (kept === null || kept.has(basename(name))) return null;
  return { what: 'backups of files', why: 'no record that travels needs them' };
}
