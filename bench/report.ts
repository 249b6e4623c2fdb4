import { loadavg } from 'node:os';
import { median, quantile } from './measure.ts';

export interface Row {
  readonly name: string;
  readonly samples: readonly number[];
  /** The row of the same table that this one is compared with. */
  readonly against?: string;
  /** The limit for the median: as a multiple of that of `against`, or absolute if there is none. */
  readonly atMost?: number;
  /** Absolute limits for the median and the 95th percentile, whatever the row is compared with. */
  readonly limits?: readonly [median: number, p95?: number];
  /** Shown after the row. */
  readonly note?: string;
}

/** Prints the results, and collects the limits that were missed. */
export class Report {
  readonly misses: string[] = [];
  #section = '';

  section(title: string, ...explanation: string[]): void {
    this.#section = title;
    const load = loadavg()[0]?.toFixed(1) ?? '?';
    console.log(`\n${title}  [load ${load}]`);
    for (const line of explanation) console.log(`  ${line}`);
  }

  note(text: string): void {
    console.log(`  ${text}`);
  }

  /** Prints median, least and 95th percentile of each row, and whether it keeps its limit. */
  table(unit: 'ms' | 'MB', rows: readonly Row[]): void {
    const width = Math.max(...rows.map(({ name }) => name.length));
    console.log(
      `  ${''.padEnd(width)} ${['median', 'least', 'p95'].map((head) => head.padStart(9)).join('')}   ratio  limit`,
    );
    for (const row of rows) {
      const middle = median(row.samples);
      const numbers = [middle, Math.min(...row.samples), quantile(row.samples, 0.95)];
      const peer = rows.find(({ name }) => name === row.against);
      if (row.against !== undefined && peer === undefined) throw new Error(`no row is named ${row.against}`);
      const ratio = peer && middle / median(peer.samples);
      const cells = [
        row.name.padEnd(width),
        numbers.map((number) => number.toFixed(number < 10 ? 2 : 1).padStart(9)).join(''),
        (ratio === undefined ? '' : ratio.toFixed(2)).padStart(7),
        ` ${this.#verdict(row, ratio ?? middle, unit).padEnd(26)}`,
        row.note ?? '',
      ];
      console.log(`  ${cells.join(' ').trimEnd()}`);
    }
  }

  /** A promise that is either kept or not, rather than a time or a size. */
  check(promise: string, kept: boolean): void {
    console.log(`  ${kept ? 'met   ' : 'MISSED'}  ${promise}`);
    if (!kept) this.#miss(promise);
  }

  #verdict(row: Row, value: number, unit: string): string {
    const { name, against, atMost, limits } = row;
    if (limits !== undefined) return this.#absolute(row, limits, unit);
    if (atMost === undefined) return '';
    const limit = against === undefined ? `${atMost} ${unit}` : atMost.toFixed(2);
    if (value <= atMost) return `<= ${limit}  met`;
    const is = against === undefined ? `${value.toFixed(1)} ${unit}` : `${value.toFixed(2)} times ${against}`;
    this.#miss(`${name}: ${is}, limit ${limit}`);
    return `<= ${limit}  MISSED`;
  }

  #absolute({ name, samples }: Row, limits: readonly [number, number?], unit: string): string {
    const values = [median(samples), quantile(samples, 0.95)];
    const [middle, high] = limits;
    const missed = [middle, high].filter((limit, i) => limit !== undefined && (values[i] ?? 0) > limit);
    const limit = `<= ${middle}${high === undefined ? '' : ` (${high})`} ${unit}`;
    if (missed.length === 0) return `${limit}  met`;
    this.#miss(`${name}: ${values.map((value) => value.toFixed(0)).join(' (')}) ${unit}, limit ${limit}`);
    return `${limit}  MISSED`;
  }

  #miss(what: string): void {
    this.misses.push(`${what}  (${this.#section})`);
  }
}
