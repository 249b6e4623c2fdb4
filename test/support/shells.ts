import { spawnSync } from 'node:child_process';
import { it } from 'vitest';

/** Shells of users, and how each is started without their settings, for a terminal. */
export const SHELLS = {
  bash: ['--norc', '-i'],
  zsh: ['-f', '-i'],
  fish: ['--no-config'],
  dash: ['-i'],
  ksh: [],
} as const;

export type ShellName = keyof typeof SHELLS;

/** `it` for a test that needs `shell`. Without it the test is skipped, and a line says so; in CI it fails. */
export function itIn(shell: string): typeof it.skip {
  if (spawnSync(shell, ['-c', 'true']).error === undefined) return it;
  if (process.env['CI'] && process.platform !== 'win32')
    throw new Error(`${shell} is not installed: CONTRIBUTING.md says what the tests need.`);
  console.warn(`Skipped, because ${shell} is not installed: a test of what cclink does in it.`);
  return it.skip;
}
