import { describeSize } from '../size.ts';
import { describeUnsaved } from '../terminal/git-view.ts';
import type { ChosenSession } from './choose-session.ts';
import type { Context } from './context.ts';
import { contentsHere, staysHere } from './session-export.ts';

/** How long git may count changed files, in milliseconds: about as long as a publish takes. */
const GIT_MS = 1500;

/**
 * What stays here of a session and its project when it is published: `its files (4.2 MB); of its git
 * repository, 3 changed files`. `goAlong`: its files don't stay. Null if nothing does, where nobody would
 * read it, or where its files are not here. Changes nothing, and never rejects.
 */
export async function describeStaying(
  context: Context,
  { id, directory }: ChosenSession,
  goAlong: boolean,
): Promise<string | null> {
  if (context.output.quiet || context.output.json) return null;
  try {
    const { bytes } = contentsHere(context, id, false);
    const git = await staysHere(context, directory, GIT_MS);
    const unsaved = git && describeUnsaved(git);
    const parts = [
      ...(goAlong ? [] : [`its files (${describeSize(bytes)})`]),
      ...(unsaved === null ? [] : [`of its git repository, ${unsaved}`]),
    ];
    return parts.length === 0 ? null : parts.join('; ');
  } catch {
    return null; // a handoff needs no files here, with --force
  }
}
