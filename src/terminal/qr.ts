import qrcode from 'qrcode-terminal';

/** Light modules around the code, by which scanners find it (ISO/IEC 18004). */
const QUIET_ZONE = 4;
/** Which of two modules, one above the other, are light: white drawn on black. */
const BLOCKS: ReadonlyMap<string, readonly [upper: boolean, lower: boolean]> = new Map([
  ['█', [true, true]],
  ['▀', [true, false]],
  ['▄', [false, true]],
  [' ', [false, false]],
]);
const WHITE_ON_BLACK = '\u001b[38;5;231;48;5;16m';

/**
 * `text` as a QR code in half-block characters, ready to print. On a terminal it is coloured, also with
 * `NO_COLOR`: in the colours of a light theme it would be inverted, which many scanners don't read.
 */
export function drawQr(text: string, stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): string {
  const colour = stream.isTTY === true && env['TERM'] !== 'dumb';
  const modules = lightModules(text);
  const width = modules.length + 2 * QUIET_ZONE;
  const isLight = (row: number, column: number) => modules[row - QUIET_ZONE]?.[column - QUIET_ZONE] ?? true;
  const lines = Array.from({ length: Math.ceil(width / 2) }, (_, line) =>
    Array.from({ length: width }, (_, column) => block(isLight(2 * line, column), isLight(2 * line + 1, column))),
  );
  return lines.map((line) => (colour ? `${WHITE_ON_BLACK}${line.join('')}\u001b[0m` : line.join(''))).join('\n');
}

function block(upper: boolean, lower: boolean): string {
  if (upper) return lower ? '█' : '▀';
  return lower ? '▄' : ' ';
}

/** The modules of the code, without a margin: true for the light ones. */
function lightModules(text: string): boolean[][] {
  let drawn = '';
  qrcode.generate(text, { small: true }, (code) => {
    drawn = code;
  });
  // The package draws a margin of one module: half a line above, one column on each side.
  const rows = drawn.split('\n').flatMap((line) => {
    const blocks = [...line].map((character) => BLOCKS.get(character) ?? ([true, true] as const));
    return [blocks.map(([upper]) => upper), blocks.map(([, lower]) => lower)];
  });
  const size = (rows[0]?.length ?? 0) - 2;
  return rows.slice(2, 2 + size).map((row) => row.slice(1, 1 + size));
}
