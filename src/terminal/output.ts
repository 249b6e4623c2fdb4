import { EXIT_CODES, type Failure } from '../failure.ts';
import { printableJson, printableLines, sentence } from './printable.ts';
import { type Style, styleFor, wantsColour } from './style.ts';
import { wrap } from './wrap.ts';

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** What the user reads: results on standard output, everything else on standard error. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Emphasis for standard error, where `say` and `warn` write. */
  readonly style: Style;
  /** Emphasis for standard output. */
  readonly resultStyle: Style;
  /**
   * The result of the command: `value` with `--json`, otherwise `text`, or nothing if that is empty. Called
   * once. If it can't be written, the process ends, and `insteadOf` says beforehand, on standard error,
   * what must not be lost with it.
   */
  result(value: unknown, text: string, insteadOf?: string): void;
  /** Fulfilled once the result is out. If it can't be written, the process ends. */
  written(): Promise<void>;
  /** For people, not for scripts; prints nothing with `--quiet` or `--json`. */
  say(text: string): void;
  /** Printed even with `--quiet`, as it must not be lost. */
  keep(text: string): void;
  /** Printed even with `--quiet`. */
  warn(text: string): void;
  /** What the network does; only with `--verbose`. */
  trace(text: string): void;
  /** Keeps such lines back while a question is open: they would be written where its answer is typed. */
  whileAsking<T>(question: Promise<T>): Promise<T>;
  fail(failure: Failure): void;
  /**
   * How work in progress can be shown: in a line that is drawn again and again, in plain lines now and then,
   * or not at all.
   */
  readonly live: 'redrawn' | 'lines' | 'silent';
  /** Draws the line that shows work in progress; an empty one clears it. */
  redraw(text: string): void;
  /**
   * Shows `label` once `work` has taken half a second, and clears it when it ends, on a terminal that can.
   */
  progress<T>(label: string, work: Promise<T>): Promise<T>;
}

/** How long work may take before the user is told what is being waited for. */
const PROGRESS_DELAY_MS = 500;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** How many columns a terminal has; null for a file, whose lines have no end. */
export const columnsOfStream = ({ isTTY, columns }: NodeJS.WriteStream) => (isTTY && columns > 0 ? columns : null);

export function openOutput({ json, quiet, verbose }: OutputOptions, env: NodeJS.ProcessEnv): Output {
  const { stdout, stderr } = process;
  const style = styleFor(wantsColour(env, stderr));
  const say = (text: string) => void stderr.write(`${wrap(text, columnsOfStream(stderr))}\n`);
  let held: string[] | null = null;
  const canRedraw = !verbose && stderr.isTTY && env['TERM'] !== 'dumb';
  const live = quiet || json ? 'silent' : canRedraw ? 'redrawn' : 'lines';
  const redraw = (text: string) => {
    // A line that the terminal breaks can't be drawn over.
    const shown = text.slice(0, Math.max(0, (columnsOfStream(stderr) ?? Number.POSITIVE_INFINITY) - 1));
    stderr.write(`\r${shown === '' ? '' : style.dim(shown)}\u001b[K`);
  };
  return {
    json,
    quiet,
    style,
    resultStyle: styleFor(wantsColour(env, stdout)),
    result(value, text, insteadOf) {
      if (insteadOf !== undefined) {
        stdout.prependOnceListener('error', ({ code }: NodeJS.ErrnoException) => {
          say(insteadOf);
          if (code !== 'EIO') process.exit(1); // of a terminal that is gone, the listener in main.ts knows more
        });
      }
      const shown = json ? printableJson(value) : wrap(text, columnsOfStream(stdout));
      if (shown !== '') stdout.write(`${shown}\n`);
    },
    // If that fails, the 'error' event of standard output ends the process (see `main.ts`).
    written: () => new Promise((resolve) => stdout.write('', (error) => (error ? undefined : resolve()))),
    say: (text) => (quiet || json ? undefined : say(text)),
    keep: say,
    warn: (text) => say(`${style.warning('Warning:')} ${text}`),
    trace(text) {
      if (!verbose) return;
      if (held === null) say(style.dim(sentence(text)));
      else held.push(text);
    },
    async whileAsking(question) {
      held = [];
      try {
        return await question;
      } finally {
        const lines = held;
        held = null;
        for (const line of lines) say(style.dim(sentence(line)));
      }
    },
    fail(failure) {
      const { code, message, hint, details, stack } = failure;
      if (verbose && code === 'internal' && stack !== undefined) say(style.dim(printableLines(stack)));
      if (json) {
        const error = { code, message, hint: hint ?? null, ...details };
        stderr.write(`${printableJson({ error })}\n`);
      } else {
        const cancelled = EXIT_CODES[code] === EXIT_CODES.interrupted;
        say(cancelled ? message : `${style.bad('Error:')} ${sentence(message)}`);
        if (hint !== undefined) say(printableLines(hint));
      }
    },
    live,
    redraw,
    async progress(label, work) {
      if (live !== 'redrawn') return work;
      let frame = 0;
      let shown = false;
      const draw = () => {
        shown = true;
        redraw(`${FRAMES[frame++ % FRAMES.length]} ${label}`);
      };
      let timer = setTimeout(() => {
        draw();
        timer = setInterval(draw, 100);
      }, PROGRESS_DELAY_MS);
      try {
        return await work;
      } finally {
        clearTimeout(timer);
        if (shown) redraw('');
      }
    },
  };
}
