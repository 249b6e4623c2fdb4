import type { SessionContents, SessionFile } from '../../claude/session-contents.ts';
import { Failure } from '../../failure.ts';
import { MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES } from '../bundle/limits.ts';
import type { Loss } from '../bundle/manifest.ts';
import { lossOfBackup } from '../harmful-kinds.ts';
import type { TranscriptFacts } from '../transcript/transcript-facts.ts';
import type { Departure } from './departing-file.ts';

/** The files of a session that leave, each read once. */
export class DepartingSession {
  readonly left: Loss[];
  readonly departures: Departure[] = [];
  /** What they amount to in the bundle, not compressed. */
  bytes = 0;
  readonly #names = new Set<string>();

  /** `left` is what was left out before. */
  constructor(left: SessionContents['left']) {
    this.left = [...left];
  }

  /** Of the transcript, which is the first. */
  get facts(): TranscriptFacts | null {
    return this.departures[0]?.facts ?? null;
  }

  /** Takes a file as `read` reads it, and leaves it where nobody could import it: but not the transcript. */
  async take(file: Pick<SessionFile, 'kind' | 'name' | 'size'>, read: () => Promise<Departure | Loss>): Promise<void> {
    const isTranscript = file.kind === 'transcript';
    const why = this.#whyNot(file);
    if (why !== null && isTranscript) throw new Failure('refused', `The session ${why}.`, HINT_TOO_LARGE);
    if (why !== null) return void this.left.push({ what: file.name, why });
    const backupsKept = this.departures[0]?.backupsKept ?? null;
    const orphan = file.kind === 'file history' ? lossOfBackup(file.name, backupsKept) : null;
    const departure = orphan ?? (await read());
    if ('why' in departure) return this.#leave(departure);
    this.#names.add(file.name.toLowerCase());
    this.departures.push(departure);
    this.bytes += departure.bytes;
    for (const { what, why } of departure.left) {
      this.left.push({ what: isTranscript ? what : `${what} in ${file.name}`, why });
    }
  }

  /** As a bundle takes them. `onRead` is told of bytes as they leave. */
  async *files(onRead: (bytes: number) => void = () => {}) {
    for (const { file, bytes, content } of this.departures) {
      yield { name: file.name, bytes, content: told(content(), (block) => onRead(block.length)) };
    }
  }

  close(): void {
    for (const departure of this.departures) departure.close();
  }

  /** Many files are left for one reason, which is told once. */
  #leave(loss: Loss): void {
    if (!this.left.some(({ what }) => what === loss.what)) this.left.push(loss);
  }

  #whyNot({ name, size }: Pick<SessionFile, 'name' | 'size'>): string | null {
    if (size > MAX_FILE_BYTES || this.bytes + size > MAX_TOTAL_BYTES) return 'is too large';
    if (this.departures.length >= MAX_FILES) return 'is one file too many';
    return this.#names.has(name.toLowerCase()) ? 'has the name of another on some systems' : null;
  }
}

/** The content, of which `onBlock` is told. */
export async function* told(content: AsyncIterable<Buffer>, onBlock: (block: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const block of content) {
    onBlock(block);
    yield block;
  }
}

const HINT_TOO_LARGE = 'Let Claude Code compact it first: /compact';
