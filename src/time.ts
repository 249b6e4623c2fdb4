import { Failure } from './failure.ts';

const UNITS = [
  { letter: 'd', seconds: 86_400, name: 'day' },
  { letter: 'h', seconds: 3600, name: 'hour' },
  { letter: 'm', seconds: 60, name: 'minute' },
  { letter: 's', seconds: 1, name: 'second' },
] as const;

/**
 * The seconds in a duration as typed: `90`, `90s`, `30m`, `12h`, `7d`. Throws `usage` outside `least` to
 * `most` seconds.
 */
export function parseDuration(text: string, option: string, least: number, most: number): number {
  const match = /^([0-9]{1,9})([smhd]?)$/.exec(text.trim());
  const unit = UNITS.find(({ letter }) => letter === match?.[2])?.seconds ?? 1;
  const seconds = Number(match?.[1]) * unit;
  if (!(seconds >= least && seconds <= most)) {
    throw new Failure(
      'usage',
      `${option} ${text} is not a time between ${describeDuration(least)} and ${describeDuration(most)}.`,
      `Write seconds, or 90s, 30m, 12h, 7d: ${option} 90s`,
    );
  }
  return seconds;
}

/**
 * `90 seconds`, `5 minutes`, `1 hour`, `24 hours`, `2 days`: in the largest unit of which there are at least
 * two. Rounded down, since it tells deadlines too; but 23 h 59 min is still 24 hours (one fiftieth is
 * forgiven).
 */
export function describeDuration(seconds: number): string {
  const unit = unitFor(seconds);
  return countOf(Math.floor(seconds / unit.seconds + 0.02), unit);
}

type Unit = (typeof UNITS)[number];

/** The largest unit of which there are at least two, or exactly one. */
function unitFor(seconds: number): Unit {
  const suits = (unit: number) => seconds >= 2 * unit || (seconds === unit && unit < 86_400);
  return UNITS.find((candidate) => suits(candidate.seconds)) ?? UNITS[3];
}

const countOf = (count: number, { name }: Unit) => `${count} ${name}${count === 1 ? '' : 's'}`;

/** `just now` or `5 minutes ago`. */
export function describeAge(seconds: number): string {
  return seconds < 5 ? 'just now' : `${describeDuration(seconds)} ago`;
}

/**
 * `at 16:05`, `yesterday at 16:05`, `on Nov 24 at 16:05`, `on Nov 24, 2025 at 16:05`: when that was, by the
 * clock and the calendar of this machine.
 */
export function describeMoment(timeMs: number, nowMs: number): string {
  const [time, now] = [new Date(timeMs), new Date(nowMs)];
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  const isOn = (day: Date) => time.toDateString() === day.toDateString();
  const year = time.getFullYear() === now.getFullYear() ? {} : ({ year: 'numeric' } as const);
  const day = () => `on ${time.toLocaleDateString('en', { month: 'short', day: 'numeric', ...year })} `;
  const clock = [time.getHours(), time.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':');
  return `${isOn(now) ? '' : isOn(yesterday) ? 'yesterday ' : day()}at ${clock}`;
}

/** The last second of the year 9999: RFC 3339 has no later one. */
const LAST_SECOND = 253_402_300_799n;

/** A Unix time in seconds as RFC 3339 in UTC, or null where it lies beyond the year 9999. */
export function rfc3339(unixSeconds: bigint): string | null {
  return unixSeconds > LAST_SECOND ? null : new Date(Number(unixSeconds) * 1000).toISOString().replace('.000Z', 'Z');
}

/**
 * `in 24 hours`, `in 2 hours 30 minutes`, `never` where the end lies beyond the year 9999. From ten of a unit
 * on it is rounded to the nearest.
 */
export function describeEnd(expiresAt: bigint, nowSeconds: bigint): string {
  if (expiresAt > LAST_SECOND) return 'never';
  const seconds = Number(expiresAt - nowSeconds);
  const unit = unitFor(seconds);
  if (seconds >= 10 * unit.seconds) return `in ${countOf(Math.round(seconds / unit.seconds), unit)}`;
  const smaller = UNITS[UNITS.indexOf(unit) + 1];
  const rest = smaller === undefined ? 0 : Math.floor((seconds % unit.seconds) / smaller.seconds);
  const whole = countOf(Math.floor(seconds / unit.seconds), unit);
  return smaller === undefined || rest === 0 ? `in ${whole}` : `in ${whole} ${countOf(rest, smaller)}`;
}
