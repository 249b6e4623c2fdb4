import { existsSync } from 'node:fs';
import { quoteForShell } from '../shell-quote.ts';
import { projectsFolder } from './folders.ts';

/**
 * The line that copies one session here, to be typed in a shell. `id` may be the beginning of its id; `host`
 * is what ssh knows the other machine by.
 *
 * Whatever is newer here stays, and what is replaced is kept beside it, its name ending in `~`. The pattern
 * leaves it to the other machine to find the project folder, whose name we may not know for certain.
 */
export function copyLine(claudeFolder: string, id: string, host: string): string {
  const projects = projectsFolder(claudeFolder);
  const folder = quoteForShell(projects);
  const make = existsSync(projects) ? '' : `mkdir -p ${folder} && `;
  // -R copies the path from the `/./` on: the project folder, in it the transcript and what belongs to it.
  return `${make}rsync -aubR '${host}:.claude/projects/./*/${id}*' ${folder}/`;
}

/** `host` if it can stand in a line to type, as an argument of ssh too; else null. */
export function plainHost(host: string): string | null {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(host) ? host : null;
}

/** `host` if it can stand in a `copyLine`, else a word to be replaced. */
export function copyHost(host: string): string {
  return plainHost(host) ?? 'other-machine';
}
