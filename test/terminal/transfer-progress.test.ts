import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Output } from '../../src/terminal/output.ts';
import { Transfer, transferProgress } from '../../src/terminal/transfer-progress.ts';

describe('how far a transfer has got', () => {
  it('is told with its speed and the time that is left', () => {
    const transfer = new Transfer('Exporting', 300e6, 1000);
    expect(transfer.describe(1000)).toBe('Exporting … 0 bytes of 300 MB');
    transfer.add(45e6);
    expect(transfer.describe(1500)).toBe('Exporting … 45 MB of 300 MB, 90 MB/s, 3 seconds left');
  });

  it('is told without what is not known', () => {
    const transfer = new Transfer('Importing', null, 0);
    transfer.add(4.2e6);
    expect(transfer.describe(1000)).toBe('Importing … 4.2 MB, 4.2 MB/s');
  });

  it('forgets a speed that is over', () => {
    const transfer = new Transfer('Exporting', 100e6, 0);
    transfer.add(50e6);
    transfer.describe(1000);
    transfer.describe(2000);
    transfer.add(1e6);
    expect(transfer.describe(5000)).toBe('Exporting … 51 MB of 100 MB, 333 kB/s, 2 minutes left');
    expect(transfer.describe(9000)).toBe('Exporting … 51 MB of 100 MB');
  });

  it('never has more than all of it', () => {
    const transfer = new Transfer('Exporting', 10, 0);
    transfer.add(12);
    expect(transfer.describe(1000)).toBe('Exporting … 12 bytes of 12 bytes, 12 bytes/s, 0 seconds left');
  });
});

describe('a transfer that is shown', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** What an output is told, as its lines. */
  function shownOn(live: Output['live']) {
    const lines: string[] = [];
    const note = (text: string) => void lines.push(text);
    const progress = transferProgress({ live, say: note, redraw: note } as unknown as Output, 'Exporting', 100);
    return { lines, progress };
  }

  it('is a line that changes on a terminal, cleared at the end, and nothing if it is quick', () => {
    const quick = shownOn('redrawn');
    vi.advanceTimersByTime(2000); // a question may be open before it begins
    quick.progress.moved(1);
    vi.advanceTimersByTime(400);
    quick.progress.end();
    expect(quick.lines).toEqual([]);
    const slow = shownOn('redrawn');
    slow.progress.moved(50);
    vi.advanceTimersByTime(750);
    slow.progress.end();
    slow.progress.end();
    expect(slow.lines).toEqual([...Array(3).fill(expect.stringContaining('50 bytes of 100 bytes')), '']);
    vi.advanceTimersByTime(10_000);
    expect(slow.lines).toHaveLength(4);
  });

  it('is a plain line every five seconds without a terminal, and nothing if nobody wants it', () => {
    const { lines, progress } = shownOn('lines');
    progress.moved(1);
    vi.advanceTimersByTime(11_000);
    progress.end();
    expect(lines).toHaveLength(2);
    const silent = shownOn('silent');
    silent.progress.moved(1);
    vi.advanceTimersByTime(11_000);
    silent.progress.end();
    expect(silent.lines).toEqual([]);
  });
});
