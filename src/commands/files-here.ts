import { countOf } from '../count.ts';
import { describeSize } from '../size.ts';
import { sayUnsaved } from '../terminal/git-view.ts';
import type { ChosenSession } from './choose-session.ts';
import type { Context } from './context.ts';
import { contentsHere, staysHere } from './session-export.ts';

/** How long git may count changed files, in milliseconds: about as long as a publish takes. */
const GIT_MS = 1500;

/**
 * How large a session is, and what of its git repository stays here: `It is 4.2 MB in 6 files.` Null where
 * nobody would read it, or where its files are not here. Changes nothing, and never rejects.
 */
export async function describeFilesHere(context: Context, { id, directory }: ChosenSession): Promise<string | null> {
  if (context.output.quiet || context.output.json) return null;
  try {
    const { bytes, files } = contentsHere(context, id, false);
    const unsaved = sayUnsaved(await staysHere(context, directory, GIT_MS));
    return [
      `It is ${describeSize(bytes)} in ${countOf(files.length, 'file')}.`,
      ...(unsaved === null ? [] : [unsaved]),
    ].join(' ');
  } catch {
    return null; // a handoff needs no files here, with --force
  }
}
