import { writeFileSync } from 'node:fs';

export interface Curve {
  readonly label: string;
  readonly samples: readonly number[];
  readonly colour: string;
  readonly dashes?: string;
}

const WIDTH = 760;
const PANEL = 190;
const LEFT = 46;
const RIGHT = 20;
const TOP = 26;
const GAP = 34;
const LEAST = 100;
const MOST = 20_000;
const TICKS = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];

/** The horizontal position of a time, on a logarithmic scale. */
function x(milliseconds: number): number {
  const within = Math.min(MOST, Math.max(LEAST, milliseconds));
  return LEFT + ((WIDTH - LEFT - RIGHT) * Math.log(within / LEAST)) / Math.log(MOST / LEAST);
}

/** Writes an SVG with one panel per title: the share of calls (0 to 1) that were done after a given time. */
export function drawTimes(path: string, panels: readonly { title: string; curves: readonly Curve[] }[]): void {
  const height = panels.length * (PANEL + GAP) + TOP + 40;
  const parts = panels.map(({ title, curves }, i) => panel(title, curves, TOP + i * (PANEL + GAP)));
  let at = LEFT;
  const legend = (panels[0]?.curves ?? []).map(({ label, colour, dashes }) => {
    const [from, y] = [at, height - 14];
    at += 60 + 6.5 * label.length;
    return `<path d="M${from} ${y - 4}h24" stroke="${colour}" ${dash(dashes)}/><text x="${from + 30}" y="${y}">${label}</text>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#333">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${[...parts, ...legend].join('\n')}
</svg>
`;
  writeFileSync(path, svg);
}

function panel(title: string, curves: readonly Curve[], top: number): string {
  const bottom = top + PANEL;
  const y = (share: number) => (bottom - share * PANEL).toFixed(1);
  const grid = TICKS.map(
    (tick) =>
      `<path d="M${x(tick).toFixed(1)} ${top}V${bottom}" stroke="#ddd"/><text x="${x(tick).toFixed(1)}" y="${bottom + 14}" text-anchor="middle">${tick / 1000} s</text>`,
  );
  const levels = [0, 0.5, 0.95, 1].map(
    (share) =>
      `<path d="M${LEFT} ${y(share)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 6}" y="${Number(y(share)) + 4}" text-anchor="end">${share * 100} %</text>`,
  );
  const lines = curves.map(({ samples, colour, dashes }) => {
    const sorted = samples.toSorted((a, b) => a - b);
    const steps = sorted.map((sample, i) => `H${x(sample).toFixed(1)}V${y((i + 1) / sorted.length)}`).join('');
    return `<path d="M${LEFT} ${y(0)}${steps}" fill="none" stroke="${colour}" stroke-width="2" ${dash(dashes)}/>`;
  });
  return [`<text x="${LEFT}" y="${top - 8}" font-weight="600">${title}</text>`, ...grid, ...levels, ...lines].join(
    '\n',
  );
}

const dash = (dashes: string | undefined) => (dashes === undefined ? '' : `stroke-dasharray="${dashes}"`);
