import { Buffer } from 'node:buffer';

const START = '[masked ';
/** Nobody has a million secrets. */
const NUMBER = /^(\d{1,6}):/;
const NUMBER_BYTES = 7;
/** What shows that there is a placeholder, and of which number, is shorter. */
const LONGEST_BYTES = 32;

/** What stands in the place of a value: `[masked 1: GitHub token]`. */
export function placeholder(number: number, kind: string): Buffer {
  return Buffer.from(`${START}${number}: ${kind}]`);
}

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
    this.#highest = Math.max(this.#highest, highestIn(border), highestIn(block));
    this.#tail = Buffer.from((block.length < LONGEST_BYTES ? border : block).subarray(-LONGEST_BYTES));
  }
}

function highestIn(bytes: Buffer): number {
  let highest = 0;
  for (let at = bytes.indexOf(START); at !== -1; at = bytes.indexOf(START, at + 1)) {
    const from = at + START.length;
    const [, number = 0] = NUMBER.exec(bytes.toString('latin1', from, from + NUMBER_BYTES)) ?? [];
    highest = Math.max(highest, Number(number));
  }
  return highest;
}
