import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Deadline } from '../../src/dht/deadline.ts';

/** For how long the process has been stopped. */
let stoppedMs = 0;
beforeEach(() => {
  stoppedMs = 0;
  vi.useFakeTimers();
  const clock = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => clock() + stoppedMs);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTime(milliseconds);

/** The clock goes on, but no timer fires: the process is stopped, asleep, or busy. */
function standStill(milliseconds: number): void {
  stoppedMs += milliseconds;
}

describe('a deadline of one second', () => {
  test('is over after a second, once, and not before', () => {
    const onOver = vi.fn();
    new Deadline(1000).run(onOver);
    pass(999);
    expect(onOver).not.toHaveBeenCalled();
    pass(1);
    expect(onOver).toHaveBeenCalledOnce();
    pass(10_000);
    expect(onOver).toHaveBeenCalledOnce();
  });

  test('does not run before the first operation, nor between two', () => {
    const deadline = new Deadline(1000);
    const onOver = vi.fn();
    pass(5000);
    const end = deadline.run(onOver);
    pass(600);
    end();
    pass(5000);
    deadline.run(onOver);
    pass(399);
    expect(onOver).not.toHaveBeenCalled();
    pass(1);
    expect(onOver).toHaveBeenCalledOnce();
  });

  test('counts what two operations need at once once, and is over for both', () => {
    const deadline = new Deadline(1000);
    const [first, second] = [vi.fn(), vi.fn()];
    deadline.run(first);
    pass(500);
    deadline.run(second);
    pass(499);
    expect(first).not.toHaveBeenCalled();
    expect(second).not.toHaveBeenCalled();
    pass(1);
    expect(first).toHaveBeenCalledOnce();
    expect(second).toHaveBeenCalledOnce();
  });

  test('runs on until the last of two operations has ended', () => {
    const deadline = new Deadline(1000);
    const [first, second] = [vi.fn(), vi.fn()];
    const end = deadline.run(first);
    deadline.run(second);
    pass(500);
    end();
    pass(500);
    expect(first).not.toHaveBeenCalled();
    expect(second).toHaveBeenCalledOnce();
  });

  test('is over at once for whoever begins later, beside others or alone', () => {
    const deadline = new Deadline(1000);
    const end = deadline.run(() => {});
    pass(1000);
    const beside = vi.fn();
    const endBeside = deadline.run(beside);
    expect(beside).toHaveBeenCalledOnce();
    end();
    endBeside();
    const alone = vi.fn();
    deadline.run(alone);
    expect(alone).toHaveBeenCalledOnce();
  });

  test('counts at most half a second of the time in which the process stands still', () => {
    const onOver = vi.fn();
    new Deadline(1000).run(onOver);
    pass(100);
    standStill(65_000);
    pass(150); // the deadline looks at the clock
    expect(onOver).not.toHaveBeenCalled();
    pass(499);
    expect(onOver).not.toHaveBeenCalled();
    pass(1);
    expect(onOver).toHaveBeenCalledOnce();
  });

  test('counts no more of it where the operation ends before the time is looked at', () => {
    const deadline = new Deadline(1000);
    const onOver = vi.fn();
    const end = deadline.run(onOver);
    standStill(65_000);
    end();
    deadline.run(onOver);
    pass(499);
    expect(onOver).not.toHaveBeenCalled();
    pass(1);
    expect(onOver).toHaveBeenCalledOnce();
  });

  test('may be ended twice: the second time takes nothing from it, and does not end another operation', () => {
    const deadline = new Deadline(1000);
    const [first, second] = [vi.fn(), vi.fn()];
    const end = deadline.run(first);
    pass(400);
    end();
    end();
    deadline.run(second);
    end();
    pass(599);
    expect(second).not.toHaveBeenCalled();
    pass(1);
    expect(second).toHaveBeenCalledOnce();
    expect(first).not.toHaveBeenCalled();
  });

  test('leaves no timer behind once nothing is under way, nor once it is over', () => {
    const ended = new Deadline(1000);
    const ends = [ended.run(() => {}), ended.run(() => {})];
    pass(100);
    for (const end of ends) end();
    expect(vi.getTimerCount()).toBe(0);
    new Deadline(1000).run(() => {});
    pass(1000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('may be ended by the operation that it is over for', () => {
    const deadline = new Deadline(1000);
    const other = vi.fn();
    const end = deadline.run(() => end());
    deadline.run(other);
    pass(1000);
    expect(other).toHaveBeenCalledOnce();
  });
});

test('a deadline of no time is over at once', () => {
  const onOver = vi.fn();
  new Deadline(0).run(onOver);
  expect(onOver).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});
