import { expect, it } from 'vitest';
import { ChoosePrompt } from '../../src/terminal/prompts.ts';
import { styleFor } from '../../src/terminal/style.ts';
import { columnsOf } from '../../src/terminal/width.ts';

const drawn = (prompt: ChoosePrompt<unknown>) => prompt.draw().replace('\r\u001b[J', '').split('\n');

it('shows all of a question, and of what a choice means, between words, as far as there is room', () => {
  const choices = ['mask', 'send', 'stop'].map((name) => ({
    name,
    value: name,
    description: 'It helps a lot.\nA promise it is not.',
  }));
  const at = (columns: number, rows: number) =>
    drawn(new ChoosePrompt('What about the keys?', choices, { size: () => [columns, rows], style: styleFor(false) }));
  const question = ['? What about the', 'keys? (1 of 3:', 'arrow keys, then', 'Return)'];
  const below = ['  It helps a lot.', '  A promise it is', '  not.'];
  expect(at(18, 24)).toEqual([...question, '> mask', '  send', '  stop', ...below]);
  expect(at(18, 10)).toEqual([...question, '> mask', '  send', '  stop', '  It helps a lot.', '  A promise it i…']);
});

it('draws no more of a list than the screen holds, however narrow it is', () => {
  const choices = Array.from({ length: 30 }, (_, i) => ({ name: `choice ${i} ${'日'.repeat(40)}`, value: i }));
  for (const columns of [12, 20, 40, 80]) {
    const prompt = new ChoosePrompt('Which session?', choices, { size: () => [columns, 10], style: styleFor(false) });
    const lines = drawn(prompt);
    const rows = lines.reduce((sum, line) => sum + Math.ceil(columnsOf(line) / columns), 0);
    expect([columns, rows <= 10]).toEqual([columns, true]);
  }
});
