import { describe, expect, it } from 'vitest';
import { describeAge, describeDuration, describeEnd, describeMoment, parseDuration, rfc3339 } from '../src/time.ts';

describe('durations', () => {
  it.each([
    ['86400', 86_400],
    ['90s', 90],
    ['30m', 1800],
    ['12h', 43_200],
    ['7d', 604_800],
    [' 1h ', 3600],
  ])('read %s', (text, seconds) => {
    expect(parseDuration(text, '--ttl', 1, 31_536_000)).toBe(seconds);
  });

  it.each(['', '0', '-5', '1.5h', '366d', 'h', '12 hours', '1e3', '99999999999'])('refuse %j', (text) => {
    expect(() => parseDuration(text, '--ttl', 1, 31_536_000)).toThrow(/--ttl/);
  });

  it.each([
    [1, '1 second'],
    [59, '59 seconds'],
    [90, '90 seconds'],
    [119, '119 seconds'],
    [60, '1 minute'],
    [300, '5 minutes'],
    [3600, '1 hour'],
    [3700, '61 minutes'],
    [5400, '90 minutes'],
    [86_399, '24 hours'],
    [86_400, '24 hours'],
    [9360, '2 hours'],
    [90_000, '25 hours'],
    [172_800, '2 days'],
  ])('are told in one unit: %d seconds', (seconds, text) => {
    expect(describeDuration(seconds)).toBe(text);
  });

  it('are told as ages and ends', () => {
    expect(describeAge(3)).toBe('just now');
    expect(describeAge(120)).toBe('2 minutes ago');
    expect(describeEnd(2n ** 64n - 1n, 1_790_000_000n)).toBe('never');
    expect(describeEnd(1_790_086_400n, 1_790_000_000n)).toBe('in 24 hours');
    const left = (seconds: number) => describeEnd(1_790_000_000n + BigInt(seconds), 1_790_000_000n);
    expect([left(86_400 - 82), left(3600 * 22.6)]).toEqual(['in 24 hours', 'in 23 hours']);
    expect([left(9000), left(7200), left(3600)]).toEqual(['in 2 hours 30 minutes', 'in 2 hours', 'in 1 hour']);
    expect([left(3540), left(125), left(119), left(1)]).toEqual([
      'in 59 minutes',
      'in 2 minutes 5 seconds',
      'in 119 seconds',
      'in 1 second',
    ]);
  });
});

describe('times', () => {
  it('are RFC 3339 in UTC', () => expect(rfc3339(1_790_000_000n)).toBe('2026-09-21T14:13:20Z'));

  it('are null beyond the year 9999', () => {
    expect(rfc3339(253_402_300_799n)).toBe('9999-12-31T23:59:59Z');
    expect(rfc3339(253_402_300_800n)).toBeNull();
    expect(rfc3339(2n ** 64n - 1n)).toBeNull();
  });
});

describe('moments', () => {
  it.each([
    ['at 00:00', new Date(2026, 2, 1, 0, 0)],
    ['at 16:05', new Date(2026, 2, 1, 16, 5)],
    ['yesterday at 23:59', new Date(2026, 1, 28, 23, 59)],
    ['on Feb 27 at 09:30', new Date(2026, 1, 27, 9, 30)],
    ['on Mar 1, 2025 at 16:05', new Date(2025, 2, 1, 16, 5)],
    ['on Mar 2 at 00:00', new Date(2026, 2, 2, 0, 0)],
  ])('are told as %s', (text, time) => {
    expect(describeMoment(time.getTime(), new Date(2026, 2, 1, 12, 0).getTime())).toBe(text);
  });
});
