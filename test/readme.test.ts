import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(join(root, 'src', path), 'utf8'))
  .join('\n');

describe('the README', () => {
  const section = readme.slice(readme.indexOf('## Troubleshooting'), readme.indexOf('## Limits'));
  const messages = [...section.matchAll(/^\| ([^|]+?) +\|/gm)].map(([, message = '']) => message).slice(2);

  it.each(messages)('quotes a message that the program has: %s', (message) => {
    for (const part of message.split('…').map((each) => each.trim()))
      expect(source).toContain(part.replace(/^\.$/, ''));
  });

  it('quotes a dozen of them', () => expect(messages.length).toBeGreaterThanOrEqual(12));

  it('names every exit code and every environment variable', () => {
    const codes = [...readFileSync(join(root, 'src/failure.ts'), 'utf8').matchAll(/^ {2}'?([a-z-]+)'?: (\d+),$/gm)];
    expect(codes.length).toBe(14);
    for (const [, name, code] of codes) expect(readme).toMatch(new RegExp(`^\\| ${code} .*\`${name}\``, 'm'));
    const variables = new Set([...source.matchAll(/'(CCLINK_(?!CODE|VERSION)[A-Z_]+)'/g)].map(([, name = '']) => name));
    for (const name of variables) expect(readme).toContain(name);
  });
});
