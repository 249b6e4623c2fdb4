import { describeSize } from '../size.ts';
import { sayUnsaved } from '../terminal/git-view.ts';
import type { Context } from './context.ts';
import { sessionExport } from './session-export.ts';

/**
 * How large a session is, and what of its git repository stays here: `It is 4.2 MB in 6 files.` Null where
 * nobody would read it, or where its files are not here. Changes nothing, and never rejects.
 */
export async function describeFilesHere(context: Context, id: string): Promise<string | null> {
  if (context.output.quiet || context.output.json) return null;
  try {
    const { contents, options } = sessionExport(context, id);
    const { bytes, files } = contents();
    const unsaved = sayUnsaved(await options.git);
    return [
      `It is ${describeSize(bytes)} in ${files.length} ${files.length === 1 ? 'file' : 'files'}.`,
      ...(unsaved === null ? [] : [unsaved]),
    ].join(' ');
  } catch {
    return null; // a handoff needs no files here, with --force
  }
}
