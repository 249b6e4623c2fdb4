import { printable } from '../terminal/printable.ts';
import type { Context } from './context.ts';

/** Says where the sealed session of a handoff that is over still lies. */
export function tellOfLeftBundles({ output }: Context, folders: readonly string[]): void {
  for (const folder of folders) {
    output.warn(
      `the sealed session could not be removed from ${printable(folder)}; the next cclink that publishes or picks up here tries again.`,
    );
  }
}
