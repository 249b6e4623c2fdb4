import { countOf } from '../count.ts';
import { describeSize } from '../size.ts';
import { describeMoment } from '../time.ts';
import type { Manifest } from '../travel/bundle/manifest.ts';
import type { FoundSecrets, SecretPlace } from '../travel/leaving/frozen-session.ts';
import { describeKind, describeMasked, someOf } from './bundle-view.ts';
import { describeLines } from './handoff-view.ts';
import type { Output } from './output.ts';
import { excerpt } from './printable.ts';
import type { Style } from './style.ts';

/** How much is shown of a place, in characters: the session may name it. */
const MAX_PLACE = 80;

/** What was found in a session, for a person: of each kind how many, and where. Never a value. */
export function describeFound(found: readonly FoundSecrets[], nowMs: number, style: Style): string {
  const lines = found.map(({ kind, values, places, where }) => {
    const times = `${countOf(values, 'value')}${places === values ? '' : `, ${countOf(places, 'place')}`}`;
    const shown = describePlaces(where, nowMs);
    const isMore = places > where.reduce((sum, { times }) => sum + times, 0);
    const all = [...shown, ...(isMore ? ['…'] : [])].join('; ');
    return [describeKind(kind), shown.length === 0 ? times : `${times}: ${all}`] as const;
  });
  return describeLines(lines, style);
}

/** Places in words. Those with the same words become one, with how often it stands there. */
function describePlaces(where: readonly SecretPlace[], nowMs: number): string[] {
  const counts = new Map<string, number>();
  for (const { what, at, times } of where) {
    const place = `${excerpt(what, MAX_PLACE)}${at === null ? '' : ` ${describeMoment(Date.parse(at), nowMs)}`}`;
    counts.set(place, (counts.get(place) ?? 0) + times);
  }
  return [...counts].map(([place, times]) => (times === 1 ? place : `${place} (${times.toLocaleString('en')}×)`));
}

/** What would leave, as lines of a table. `bytes`: how much that is before it is packed. */
export function departureLines(manifest: Manifest, bytes: number): (readonly [label: string, text: string])[] {
  const { turns, files, masked, left } = manifest;
  const [count, size] = [countOf(files.length, 'file'), describeSize(bytes)];
  return [
    ['Size', `${countOf(turns, 'prompt')}, ${count}, ${size} before they are packed`],
    ['Files', files.length === 1 ? '' : someOf(files.map(describeFile))],
    ['Masked', describeMasked(masked)],
    ['Left out', someOf(left.map(({ what }) => what))],
  ];
}

/** Says what of a session that left is masked, or stayed here, and in the trace why. */
export function tellMissing(output: Output, { masked = [], left }: Manifest): void {
  if (masked.length > 0) output.say(`Masked: ${describeMasked(masked)}`);
  if (left.length > 0) output.say(`Left out: ${someOf(left.map(({ what }) => what))} (-v says why)`);
  traceLeft(output, left);
}

/** Tells in the trace what would leave, and what would not, in full. */
export function traceDeparture(output: Output, { files, left }: Manifest): void {
  for (const file of files) output.trace(describeFile(file));
  traceLeft(output, left);
}

function traceLeft(output: Output, left: Manifest['left']): void {
  for (const { what, why } of left) output.trace(`${what}: ${why}`);
}

function describeFile({ name, bytes }: Manifest['files'][number]): string {
  return `${name} (${describeSize(bytes)})`;
}

/** The members of JSON results that tell what leaves, or would. `found`: null if nothing was looked for. */
export function departureJson({ left, masked = [] }: Manifest, found: readonly FoundSecrets[] | null) {
  return { left, found, masked };
}

/** The files that would leave, for the JSON results of dry runs. */
export function filesJson({ files }: Manifest) {
  return files.map(({ name, bytes }) => ({ name, bytes }));
}
