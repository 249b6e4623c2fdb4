import { type FoundSecret, LONGEST_SECRET, type SecretRule } from '../rules/secret-rule.ts';
import { Anchors, type Part } from './anchors.ts';
import { type ExactValues, merged, type Place } from './exact-values.ts';
import { Flattening } from './flat-text.ts';
import { Literals } from './literals.ts';
import { textOf } from './value-text.ts';

/** A secret that was found. It must not be shown, logged or written anywhere. */
export interface Finding {
  readonly kind: string;
  /** As it is in flat text; where that is no UTF-8, as `value-text.ts` writes it. */
  readonly value: string;
  /** The line of the content in which it begins, from 1. */
  readonly line: number;
}

/**
 * About how much flat text is looked at at once that was not before. Node puts strings of more than a million
 * characters outside of its heap, where they are freed late.
 */
const BLOCK_BYTES = 640 * 1024;
/** As much is flattened at once. */
const STEP_BYTES = 128 * 1024;
/** How much of a block is seen before a secret: it may need more to be told than its value. */
const CONTEXT_BYTES = 4096;
const NEWLINE = 0x0a;

/** Finds secrets by rules, and values that are known. */
export class SecretScanner {
  readonly #rules: readonly SecretRule[];
  readonly #anchors: Anchors;
  readonly #known: ExactValues;
  /** The anchors, and behind them the known values: in one pass. */
  readonly #literals: Literals;
  /** How much of a block is looked at once more with the next one. */
  readonly #overlap: number;
  /** Not in use: a scan takes it, and gives it back. Buffers are freed late, so each is used again. */
  #spare: Rooms | null = null;

  constructor(rules: readonly SecretRule[], known: ExactValues) {
    this.#rules = rules;
    this.#anchors = new Anchors(rules);
    this.#known = known;
    this.#literals = new Literals([...this.#anchors.literals, ...known.literals]);
    this.#overlap = 2 * CONTEXT_BYTES + Math.max(2 * LONGEST_SECRET, known.longest);
  }

  /**
   * Reports what it finds in a content, in order, each place once. Memory holds about a megabyte of it,
   * however long its lines are. Where several begin, they come in the order of the rules, known values last.
   */
  async scan(
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    found: (finding: Finding) => void,
  ): Promise<void> {
    const rooms = this.#spare ?? {
      flat: new Flattening(Buffer.allocUnsafeSlow(this.#overlap + BLOCK_BYTES + STEP_BYTES)),
      step: Buffer.allocUnsafeSlow(STEP_BYTES),
    };
    this.#spare = null;
    const { flat, step } = rooms;
    flat.clear();
    const block = { flat, ownFrom: 0, knownUntil: 0 };
    let left = 0;
    for await (const bytes of content) {
      for (let at = 0; at < bytes.length; ) {
        const taken = bytes.subarray(at, at + STEP_BYTES - left);
        step.set(taken, left);
        at += taken.length;
        const filled = left + taken.length;
        const flattened = flat.add(step.subarray(0, filled), false);
        step.copyWithin(0, flattened, filled);
        left = filled - flattened;
        if (flat.length >= this.#overlap + BLOCK_BYTES) await this.#look(block, false, found);
      }
    }
    flat.add(step.subarray(0, left), true);
    await this.#look(block, true, found);
    this.#spare = rooms;
  }

  /** Reports what begins in what is the block's own, and makes room for the next one. */
  async #look(block: Block, isLast: boolean, found: (finding: Finding) => void): Promise<void> {
    const { flat, ownFrom } = block;
    const { bytes } = flat;
    const nextFrom = isLast ? bytes.length : cutNear(bytes, bytes.length - this.#overlap);
    const ownTo = isLast ? bytes.length : nextFrom + CONTEXT_BYTES;
    const { parts, places } = this.#near(bytes);
    const secrets = (await this.#byRules(bytes, parts)).filter(({ start }) => start >= ownFrom && start < ownTo);
    for (const { index, start, end } of places) {
      // A place that goes on from the block before was reported there.
      const isNew = start >= block.knownUntil;
      if (isNew && start >= ownTo) break;
      block.knownUntil = Math.max(block.knownUntil, end);
      if (isNew && start >= ownFrom) secrets.push({ kind: this.#known.kindOf(index), start, end });
    }
    let last: FoundSecret | null = null;
    for (const secret of secrets.sort((a, b) => a.start - b.start || a.end - b.end)) {
      const { kind, start, end } = secret;
      if (last !== null && last.start === start && last.end === end) continue;
      last = secret;
      found({ kind, value: textOf(bytes.subarray(start, end)), line: flat.linesBefore(start) + 1 });
    }
    flat.drop(nextFrom);
    block.ownFrom = ownTo - nextFrom;
    block.knownUntil -= nextFrom;
  }

  /** The parts where each rule has to look, and the places of known values. */
  #near(bytes: Buffer): { readonly parts: readonly (readonly Part[])[]; readonly places: Iterable<Place> } {
    const anchors = this.#anchors.begin(bytes);
    const { length } = this.#anchors.literals;
    const places: Place[] = [];
    this.#literals.search(bytes, 0, bytes.length, (literal, start) => {
      if (literal < length) anchors.note(literal, start);
      else places.push(this.#known.placeOf(literal - length, start));
    });
    return { parts: anchors.parts(), places: merged(places) };
  }

  async #byRules(bytes: Buffer, parts: readonly (readonly Part[])[]): Promise<FoundSecret[]> {
    const secrets: FoundSecret[] = [];
    const text = parts.some(({ length }) => length > 0) ? bytes.toString('latin1') : '';
    for (const [index, rule] of this.#rules.entries()) {
      for (const part of parts[index] ?? []) {
        const finding = rule.find(text.slice(part.start, part.end));
        for (const { kind, start, end } of 'then' in finding ? await finding : finding) {
          if (end > start) secrets.push({ kind, start: part.start + start, end: part.start + end });
        }
      }
    }
    return secrets;
  }
}

/** The memory of a scan. */
interface Rooms {
  readonly flat: Flattening;
  /** What was read and is flattened next. */
  readonly step: Buffer;
}

/** What is looked at at once: the end of what was before, which is not its own any more, and what is new. */
interface Block {
  readonly flat: Flattening;
  /** What begins before was reported with the block before. */
  ownFrom: number;
  /** The end of the last place of known values that was reported. */
  knownUntil: number;
}

/** Where the next block begins: behind the end of a line if there is one soon, since rules look at words. */
function cutNear(bytes: Buffer, at: number): number {
  const newline = bytes.subarray(at, at + CONTEXT_BYTES).indexOf(NEWLINE);
  return newline === -1 ? at : at + newline + 1;
}
