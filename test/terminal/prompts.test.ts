import { expect, it } from 'vitest';
import { ChoosePrompt } from '../../src/terminal/prompts.ts';
import { styleFor } from '../../src/terminal/style.ts';
import { columnsOf } from '../../src/terminal/width.ts';

it('draws no more of a list than the screen holds, however narrow it is', () => {
  const choices = Array.from({ length: 30 }, (_, i) => ({ name: `choice ${i} ${'日'.repeat(40)}`, value: i }));
  for (const columns of [12, 20, 40, 80]) {
    const prompt = new ChoosePrompt('Which session?', choices, { size: () => [columns, 10], style: styleFor(false) });
    const lines = prompt.draw().replace('\r\u001b[J', '').split('\n');
    const rows = lines.reduce((sum, line) => sum + Math.ceil(columnsOf(line) / columns), 0);
    expect([columns, rows <= 10]).toEqual([columns, true]);
  }
});
