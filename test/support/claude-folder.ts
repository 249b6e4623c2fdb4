import { cpSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './temporary-folder.ts';

const SAMPLES = fileURLToPath(new URL('../samples', import.meta.url));

/** A Claude folder with the three sample sessions, all of /home/alice/proj. */
export function sampleClaudeFolder(): string {
  const folder = temporaryFolder();
  for (const sample of ['simple', 'toolcall', 'subagent']) {
    cpSync(join(SAMPLES, sample, '.claude'), folder, { recursive: true });
  }
  return folder;
}

/** `0000002a-0000-4000-8000-000000000000` for 42. */
export function sessionId(number: number): string {
  return `${number.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
}

/** A transcript record of something the user said in `cwd`. */
export function said(cwd: string, text = 'hello'): object {
  return { type: 'user', message: { role: 'user', content: text }, uuid: 'u', parentUuid: null, cwd };
}

/** Writes a transcript of `lines` (records, or text as it is) into a project folder. Returns its path. */
export function writeTranscript(
  claudeFolder: string,
  projectFolder: string,
  id: string,
  lines: readonly (object | string)[],
  modifiedMs?: number,
): string {
  const folder = join(claudeFolder, 'projects', projectFolder);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${id}.jsonl`);
  writeFileSync(path, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
  if (modifiedMs !== undefined) utimesSync(path, modifiedMs / 1000, modifiedMs / 1000);
  return path;
}
