import { describe, expect, it } from 'vitest';
import { terminalCheck } from '../../src/doctor/terminal.ts';

const FACTS = { canAsk: true, columns: 80, hasColour: true, isTmux: false, isSsh: false };

describe('the terminal', () => {
  it('is said as it is', () => {
    expect(terminalCheck(FACTS).message).toBe('There is a terminal to ask on: 80 columns, colours.');
    expect(terminalCheck({ ...FACTS, hasColour: false, columns: null, isTmux: true, isSsh: true }).message).toBe(
      'There is a terminal to ask on: its output goes elsewhere, no colours, in tmux, over ssh.',
    );
  });

  it('is not checked where there is none, which is no fault of a script', () => {
    expect(terminalCheck({ ...FACTS, canAsk: false })).toMatchObject({ state: 'not-checked' });
  });
});
