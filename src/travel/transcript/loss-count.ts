import type { Loss } from '../bundle/manifest.ts';

/** What is left out of a transcript, or changed in it: what, and why. `#` stands for how many. */
const LOSSES = {
  request: ['# logged requests', 'the conversation is in there again, and nothing else'],
  prompt: ['# system prompts', 'Claude Code writes its own on each machine'],
  permission: ['# permission modes', 'what Claude may do is decided on each machine'],
  bound: ['# records of worktrees, accounts and devices', 'of no use on another machine'],
  attachment: ['# attachments', 'Claude would take what somebody else wrote there for words of the system'],
  kind: ['# records of other kinds', 'from somebody else, only the conversation is taken'],
  invalid: ['# records that are not as Claude Code writes them', 'not taken from somebody else'],
  unparsed: ['# lines that are no JSON', 'nobody can tell what is in there'],
  giant: ['# records that are too large', 'a line may have 16 MB and 400,000 values'],
  torn: ['# unfinished lines at the end', 'not written to the end'],
  thinking: ['# thinking blocks', 'left out'],
  backup: ['# file backups', 'from somebody else, only those of files in the directory that are not hidden are taken'],
  oldPaths: ['# thinking blocks still name the old paths', 'signed, so that nothing in there may be changed'],
  verbatim: ['# lines are no JSON', 'kept as before'],
  circle: ['# links in a circle', 'cut'],
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
