import type { Loss } from '../bundle/manifest.ts';

/** What stays of every session. Nobody misses it, so one entry names all of it. */
const OF_ITS_MACHINE = [
  'system prompts, logs and permissions of its machine',
  'Claude Code writes its own on each machine',
] as const;

/**
 * What is left out of a transcript, or changed in it: what, and why. `#` stands for how many. Both are read
 * where a session leaves and where it arrives, and of one's own too: what comes over ssh is signed by nobody.
 */
const LOSSES = {
  request: OF_ITS_MACHINE,
  prompt: OF_ITS_MACHINE,
  permission: OF_ITS_MACHINE,
  bound: OF_ITS_MACHINE,
  attachment: ['# attachments', 'Claude takes them for words of the system, so they come only if signed by oneself'],
  kind: ['# records of other kinds', 'where it is not signed by oneself, only the conversation comes'],
  invalid: ['# records that are not as Claude Code writes them', 'they come only if signed by oneself'],
  unparsed: ['# lines that are no JSON', 'nobody can tell what is in there'],
  giant: ['# records that are too large', 'a line may have 16 MB and 400,000 values'],
  torn: ['# unfinished lines at the end', 'not written to the end'],
  thinking: ['# thinking blocks', 'left out'],
  backup: [
    '# file backups',
    'where it is not signed by oneself, only those of files in the directory that are not hidden come',
  ],
  secretThinking: ['# thinking blocks with secrets', 'signed, so that nothing in there may be masked'],
  secretMedia: ['# attached files with secrets', 'nothing in there can be masked'],
  unmaskable: ['# records with secrets', 'they are where nothing can be masked'],
  secretFile: [
    '# parts that show files like .env',
    'what tools showed of .env, keys and the like, wrote to them, or kept as backups goes to nobody else',
  ],
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

  /** For the loss manifest, the most numerous first, and last what stays of every session. */
  losses(): Loss[] {
    const counts = [...this.#counts].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
    const isMissed = ([kind]: (typeof counts)[number]) => LOSSES[kind] !== OF_ITS_MACHINE;
    const missed = counts.filter(isMissed).map(([kind, count]) => {
      const [what, why] = LOSSES[kind];
      return { what: inWords(what, count), why };
    });
    const [what, why] = OF_ITS_MACHINE;
    return counts.every(isMissed) ? missed : [...missed, { what, why }];
  }
}

function inWords(what: string, count: number): string {
  const text = what.replace('#', count.toLocaleString('en'));
  if (count !== 1) return text;
  return text
    .replace(/^1 ((?:\w+ )??)(\w+?)s\b/, '1 $1$2')
    .replace(' are ', ' is ')
    .replace(' show ', ' shows ')
    .replace(' name ', ' names ');
}
