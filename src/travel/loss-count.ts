import type { Loss } from './manifest.ts';

/** What is left out of a transcript, or changed in it: what, and why. `#` stands for how many. */
const LOSSES = {
  request: ['# logged requests', 'they only repeat the conversation'],
  prompt: ['# system prompts', 'Claude Code writes its own on each machine'],
  permission: ['# permission modes', 'what Claude may do is decided on each machine'],
  bound: ['# records of worktrees, accounts and devices', 'they belong to the other machine'],
  attachment: ['# attachments', 'they would speak to Claude in the name of the system'],
  kind: ['# records of other kinds', 'from somebody else, only the conversation is taken'],
  invalid: ['# records that are not as Claude Code writes them', 'from somebody else, they are not taken'],
  unparsed: ['# lines that are no JSON', 'nobody can tell what they hold'],
  giant: ['# records that are too large', 'a line has at most 16 MB, and 400,000 values'],
  torn: ['# unfinished lines at the end', 'they are not whole'],
  thinking: ['# thinking blocks', 'they are left out'],
  backup: ['# file backups', 'they belong to files outside of the directory, or to hidden ones'],
  oldPaths: ['# thinking blocks still name the old paths', 'they are signed, so they stay as they are'],
  verbatim: ['# lines are no JSON', 'they stay as they are'],
  circle: ['# links that run in a circle', 'they were cut'],
  late: ['# links to records that were left out', 'they could not be mended'],
} as const;

export type LossKind = keyof typeof LOSSES;

/** Counts what is left out or changed, one number a kind. */
export class LossCount {
  readonly #counts = new Map<LossKind, number>();

  add(kind: LossKind, count = 1): void {
    this.#counts.set(kind, this.of(kind) + count);
  }

  of(kind: LossKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** For the loss manifest, the most numerous first. */
  losses(): Loss[] {
    const counts = [...this.#counts].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
    return counts.map(([kind, count]) => {
      const [what, why] = LOSSES[kind];
      return { what: inWords(what, count), why };
    });
  }
}

function inWords(what: string, count: number): string {
  const text = what.replace('#', count.toLocaleString('en'));
  if (count !== 1) return text;
  return text
    .replace(/^1 ((?:\w+ )??)(\w+?)s\b/, '1 $1$2')
    .replace(' are ', ' is ')
    .replace(' name ', ' names ');
}
