import { describe, expect, it } from 'vitest';
import { bringLineFor } from '../../src/handoff/obstacle.ts';
import type { FoundHandoff } from '../../src/handoff/reader.ts';

/** The line that is offered where the files of a handoff from `host` are missing. */
const lineFor = (host: string, { isProvenOwn = true, burn = false } = {}) =>
  bringLineFor(
    { record: { burn }, payload: { session: '0123456789abcdef', host, project: '' }, isProvenOwn } as FoundHandoff,
    '/home/alice/.claude',
  );

describe('the line that brings missing files', () => {
  it('asks the publisher’s host through ssh, if that is one’s own and has a plain name', () => {
    expect(lineFor('laptop')).toBe('cclink pickup --ssh laptop');
    expect(lineFor('laptop.example.org', { burn: true })).toBe('cclink pickup --ssh laptop.example.org');
  });

  it.each(['', '-oProxyCommand=id', 'x; touch PWN', '$(id)', 'Ada’s MacBook', 'alice@laptop', 'a\nb'])(
    'has no ssh host that is no plain name: %j',
    (host) => {
      expect(lineFor(host)).toMatch(/rsync .*'other-machine:/);
      expect(lineFor(host)).not.toContain('--ssh');
    },
  );

  it('names no host that somebody else wrote, and of a burn handoff only the beginning of the id', () => {
    expect(lineFor('laptop', { isProvenOwn: false })).not.toMatch(/--ssh|laptop/);
    expect(lineFor('laptop', { isProvenOwn: false, burn: true })).not.toContain('0123456789');
  });
});
