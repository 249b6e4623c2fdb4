import type { Spool } from '../../files/spool.ts';
import type { Loss } from '../bundle/manifest.ts';
import type { Mask } from '../secrets/mask/mask.ts';
import { maskText } from '../secrets/mask/mask-text.ts';
import { flatten } from '../secrets/scan/flat-text.ts';
import { Literals } from '../secrets/scan/literals.ts';
import { SelectedLines } from '../transcript/selected-lines.ts';
import { TranscriptFilter } from '../transcript/transcript-filter.ts';
import { type Departing, type Departure, measured, measuredAs, NOTHING_MOVES, type Source } from './departing-file.ts';
import { told } from './departing-session.ts';

const NEWLINE = 0x0a;
/** About how much is flattened at once. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * As `departureOf`, of what lies in a spool: masked, into another spool. Without a mask it is only filtered
 * again, by what is known of files of secrets by now.
 */
export async function maskedDeparture(
  departure: Departure,
  departing: Departing,
  onRead: (bytes: number) => void,
  spool: Spool,
): Promise<Departure | Loss> {
  const { file, bytes, content } = departure;
  const blocks = () => told(content(), (block) => onRead(block.length));
  const source: Source = { file, size: bytes, blocks, open: () => {}, close: () => {} };
  const mask = departing.redaction?.mask ?? null;
  if (mask === null) return measured(source, departing, spool);
  switch (file.kind) {
    case 'transcript':
    case 'subagent':
      return (await quickly(departure, source, mask, departing, spool)) ?? measured(source, departing, spool);
    case 'title':
      return measured(source, departing, spool);
    default:
      return measuredAs(source, () => maskText(blocks(), mask), spool);
  }
}

/**
 * A transcript, of which only lines are filtered that hold a value, and those that link to a record that was
 * dropped then, for what it says. Null if that drops yet another one.
 */
async function quickly(
  { facts, backupsKept }: Departure,
  source: Source,
  mask: Mask,
  departing: Departing,
  spool: Spool,
): Promise<Departure | null> {
  const start = spool.length;
  const options = { ...departing, ...NOTHING_MOVES };
  const filter = new TranscriptFilter(options);
  const masking = new SelectedLines(filter, (lines) => placesIn(lines, mask));
  const masked = await measuredAs(source, () => masking.of(source.blocks()), spool);
  const { left, links } = filter.report;
  if (masking.dropped === 0) return { ...masked, left, facts, backupsKept };

  const relinking = new SelectedLines(new TranscriptFilter({ ...options, links }), rangesOf(links.dropped()));
  const relinked = await measuredAs(source, () => relinking.of(masked.content()), spool);
  if (relinking.dropped === 0) return { ...relinked, left, facts, backupsKept };
  await spool.cut(start);
  return null;
}

/** Where there is something to be masked in lines; of a long one, which is never flattened, if at all. */
function* placesIn(lines: Buffer, mask: Mask) {
  for (let from = 0; from < lines.length; ) {
    const last = lines.lastIndexOf(NEWLINE, from + BLOCK_BYTES);
    const end = last < from ? lines.indexOf(NEWLINE, from) : last;
    const to = end === -1 ? lines.length : end + 1;
    const part = lines.subarray(from, to);
    if (part.length > BLOCK_BYTES) {
      if (mask.holds(part)) yield { start: from, end: to };
    } else {
      const { bytes, sourceOffset } = flatten(part);
      for (const { start, end } of mask.inFlat(bytes)) {
        yield { start: from + sourceOffset(start), end: from + sourceOffset(end) };
      }
    }
    from = to;
  }
}

/** Finds where these ids stand in lines. */
function rangesOf(ids: Iterable<string>) {
  const all = Array.from(ids, (id) => ({ bytes: Buffer.from(id), isAnyCase: false }));
  const literals = new Literals(all);
  return (lines: Buffer) => {
    const ranges: { start: number; end: number }[] = [];
    literals.search(lines, 0, lines.length, (literal, start) => {
      ranges.push({ start, end: start + (all[literal]?.bytes.length ?? 0) });
    });
    return ranges.sort((a, b) => a.start - b.start);
  };
}
