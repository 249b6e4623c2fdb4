import { type Check, good, notChecked } from './check.ts';

/** What a command would find of the terminal that it runs in. */
export interface TerminalFacts {
  /** True if there is one to ask questions on. */
  readonly canAsk: boolean;
  /** Its width in columns; null if the output goes elsewhere. */
  readonly columns: number | null;
  readonly hasColour: boolean;
  readonly isTmux: boolean;
  readonly isSsh: boolean;
}

/** Whether there is a terminal to ask on, and what it can show. */
export function terminalCheck({ canAsk, columns, hasColour, isTmux, isSsh }: TerminalFacts): Check {
  if (!canAsk) {
    return notChecked(
      'terminal',
      'There is no terminal here, so cclink can ask nothing.',
      'Over ssh use ssh -t; in scripts -y and the CCLINK_ variables.',
    );
  }
  const width = columns === null ? 'its output goes elsewhere' : `${columns} columns`;
  const where = [isTmux ? 'in tmux' : '', isSsh ? 'over ssh' : ''].filter((part) => part !== '');
  const parts = [width, hasColour ? 'colours' : 'no colours', ...where];
  return good('terminal', `There is a terminal to ask on: ${parts.join(', ')}.`);
}
