import { basename } from 'node:path';
import { pathOfName, type SessionPlace, transcriptPath } from '../../claude/session-layout.ts';
import type { BundledFile } from '../bundle/bundle-reader.ts';
import { MAX_JSON_BYTES } from '../bundle/limits.ts';
import type { Loss, Trust } from '../bundle/manifest.ts';
import { blocksOf } from '../file-blocks.ts';
import { lossOfBackup, lossOfFile } from '../harmful-kinds.ts';
import { rewriteJson } from '../rewrite-json.ts';
import {
  type FilterOptions,
  type FilterReport,
  filterTranscript,
  TranscriptFilter,
} from '../transcript/transcript-filter.ts';
import type { Staging } from './staging.ts';

/** What came in, and waits to be moved in place. */
export interface Arrived {
  /** Where the transcript is until then, and what it tells. */
  readonly transcript: string;
  readonly report: FilterReport;
  readonly left: readonly Loss[];
}

/**
 * Writes the files of a bundle to `staging`, each filtered as its kind needs, on their way to `place`. Reads
 * the bundle to its end, so that all of it has been checked.
 */
export async function stageFiles(
  files: AsyncIterable<BundledFile>,
  place: SessionPlace,
  staging: Staging,
  { trust, ...filtering }: Pick<FilterOptions, 'rewrite' | 'newSessionId' | 'directory'> & { readonly trust: Trust },
): Promise<Arrived> {
  const options: FilterOptions = { ...filtering, strict: trust !== 'own', keepThinking: true };
  const left = new Losses();
  let transcript: Pick<Arrived, 'transcript' | 'report'> | null = null;
  for await (const file of files) {
    if (file.kind === 'transcript') {
      transcript = await stageTranscript(file, transcriptPath(place), staging, options);
      left.add(transcript.report.left);
      continue;
    }
    const { backups, backupsKept = null } = transcript?.report ?? {};
    const orphan = file.kind === 'file history' ? lossOfBackup(file.name, backupsKept) : null;
    left.add(orphan === null ? await stageBeside(file, place, staging, { ...options, trust, backups }) : [orphan]);
  }
  if (transcript === null) throw new TypeError('A bundle without a transcript.');
  return { ...transcript, left: left.all };
}

async function stageTranscript(file: BundledFile, target: string, staging: Staging, options: FilterOptions) {
  const filter = new TranscriptFilter(options);
  const transcript = await staging.write(target, filterTranscript(file.content, filter));
  const { report } = filter;
  if (!report.needsAnotherPass) return { transcript, report };
  const { rewrite, directory = null } = options;
  const mending = new TranscriptFilter({
    ...options,
    ...{ rewrite: null, newSessionId: null, links: report.links },
    directory: directory === null ? null : (rewrite?.inPath(directory) ?? directory),
  });
  return { transcript: await staging.write(target, filterTranscript(blocksOf(transcript), mending)), report };
}

/** Writes a file that lies beside the transcript, or says why not. */
async function stageBeside(
  file: BundledFile,
  place: SessionPlace,
  staging: Staging,
  options: FilterOptions & { readonly trust: Trust; readonly backups: ReadonlyMap<string, string> | undefined },
): Promise<readonly Loss[]> {
  const { name, kind, content } = file;
  const target = pathOfName(place, kind === 'file history' ? renamed(name, options.backups) : name);
  const loss = options.strict ? lossOfFile(file) : null;
  if (loss !== null) return [loss];
  if (staging.has(target)) return [{ what: name, why: 'another file of the session has its place' }];
  switch (kind) {
    case 'subagent': {
      const filter = new TranscriptFilter(options);
      await staging.write(target, filterTranscript(content, filter));
      return filter.report.left;
    }
    case 'subagent facts':
    case 'task':
    case 'title':
      return stageJson(file, target, staging, options);
    case 'memory':
    case 'plan':
      if (options.trust !== 'own') {
        return [{ what: name, why: 'Claude Code would read it in other sessions too, and it is not from yourself' }];
      }
      await staging.write(target, content, { mayReplace: false });
      return [];
    default:
      await staging.write(target, content, { isBackup: kind === 'file history' });
      return [];
  }
}

/** Writes a small JSON file, or says why not. */
async function stageJson(
  { name, content }: BundledFile,
  target: string,
  staging: Staging,
  options: FilterOptions,
): Promise<readonly Loss[]> {
  const json = await wholeIfSmall(content);
  const rewritten = json === null ? null : rewriteJson(json, options);
  if (rewritten === null) return [{ what: name, why: 'it is not what Claude Code writes' }];
  await staging.write(target, once(rewritten));
  return [];
}

/** Files of the history are named after the path that they were saved from. */
function renamed(name: string, backups: ReadonlyMap<string, string> = new Map()): string {
  const old = basename(name);
  return `file-history/${backups.get(old) ?? old}`;
}

/** Null if it is larger than a small file; it is read to its end all the same, for the sake of its digest. */
async function wholeIfSmall(content: AsyncIterable<Buffer>): Promise<Buffer | null> {
  const blocks: Buffer[] = [];
  let length = 0;
  for await (const block of content) {
    length += block.length;
    if (length <= MAX_JSON_BYTES) blocks.push(block);
  }
  return length <= MAX_JSON_BYTES ? Buffer.concat(blocks) : null;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** What was lost, each kind once. */
class Losses {
  private readonly byText = new Map<string, Loss>();

  add(losses: readonly Loss[]): void {
    for (const loss of losses) this.byText.set(`${loss.what}\n${loss.why}`, loss);
  }

  get all(): readonly Loss[] {
    return [...this.byText.values()];
  }
}
