import type { Lineage } from './lineage.ts';
import type { Links } from './links.ts';
import type { Loss } from './manifest.ts';
import type { PathRewrite } from './path-rewrite.ts';

export interface FilterOptions {
  /**
   * True: the transcript may be somebody else's. Only what can do no harm is kept, in canonical JSON. False:
   * it is one's own, so what is not known is kept, and so is a line that does not parse.
   */
  readonly strict: boolean;
  readonly keepThinking: boolean;
  readonly rewrite: PathRewrite | null;
  /** Replaces the session's id in its records. */
  readonly newSessionId: { readonly from: string; readonly to: string } | null;
  /** `report.links` of an earlier pass over the same bytes: see `FilterReport.needsAnotherPass`. */
  readonly links?: Links;
}

/** What a filter saw and did. Text is of the transcript, unchanged: make it printable. */
export interface FilterReport {
  /** Records that were kept. */
  readonly records: number;
  /** What was left out or changed, one entry a kind, for the loss manifest. */
  readonly left: readonly Loss[];
  /** Lines that don't parse: kept from oneself, else dropped. */
  readonly unparsed: number;
  readonly thinkingDropped: number;
  readonly links: Links;
  /**
   * True if a record points at one behind it that was dropped: the link could not be mended. A second pass
   * with `links` mends it. Claude Code does not write such files.
   */
  readonly needsAnotherPass: boolean;
  /** File-history names that changed, old to new (`<16 hex digits>@v1`): the files are called so from now on. */
  readonly backups: ReadonlyMap<string, string>;
  readonly lineage: Lineage;
  readonly facts: TranscriptFacts;
}

/** What the kept records of a main transcript tell of their session. */
export interface TranscriptFacts {
  /** The name that the user gave it, else the one that Claude Code did; null if there is none. */
  readonly title: string | null;
  /** How many prompts a person typed. */
  readonly turns: number;
  /** The last of them, at most 200 characters. */
  readonly lastPrompt: string | null;
  /** When something was last said, in Unix milliseconds. */
  readonly lastChangeMs: number | null;
  /** The Claude Code that last wrote to it. */
  readonly claudeVersion: string | null;
  /** The different `cwd`s, in order, at most 64. */
  readonly directories: readonly string[];
  /** The tools that were called, sorted; those of MCP servers too (`mcp__server__tool`). */
  readonly tools: readonly string[];
  readonly mcpServers: readonly string[];
}

/** Filters one transcript, a main one or that of a subagent: one filter a file. */
export class TranscriptFilter {
  constructor(_options: FilterOptions) {}

  /** Takes the next bytes of the transcript, and returns what can be written so far. */
  push(_bytes: Buffer): Buffer {
    throw new Error('not yet');
  }

  /** Ends it. A last line without an end is kept if it is whole, and dropped if it is not. */
  end(): Buffer {
    throw new Error('not yet');
  }

  /** After the end. */
  get report(): FilterReport {
    throw new Error('not yet');
  }
}

/**
 * A transcript as `filter` lets it through, in blocks of about a megabyte. Throws `refused` where it is over
 * the limits.
 */
export async function* filterTranscript(
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  filter: TranscriptFilter,
): AsyncGenerator<Buffer> {
  for await (const bytes of source) {
    const filtered = filter.push(bytes);
    if (filtered.length > 0) yield filtered;
  }
  const rest = filter.end();
  if (rest.length > 0) yield rest;
}
