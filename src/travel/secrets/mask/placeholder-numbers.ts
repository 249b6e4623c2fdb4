import { highestNumberIn } from './mask.ts';

/** Bytes that hold `[masked`, a number and what follows it. */
const LONGEST_BYTES = 32;

/** The numbers of placeholders that an earlier masking left in contents that are seen block by block. */
export class PlaceholderNumbers {
  #highest = 0;
  #tail: Buffer = Buffer.alloc(0);

  /** 0 if there is none. */
  get highest(): number {
    return this.#highest;
  }

  /** Of one content after the other: between two of them there is no placeholder. */
  see(block: Buffer): void {
    const border = Buffer.concat([this.#tail, block.subarray(0, LONGEST_BYTES)]);
    this.#highest = Math.max(this.#highest, highestNumberIn(border), highestNumberIn(block));
    this.#tail = Buffer.from((block.length < LONGEST_BYTES ? border : block).subarray(-LONGEST_BYTES));
  }
}
