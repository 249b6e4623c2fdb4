/** A path as it is there, and what it is here. Both absolute. */
export interface PathPair {
  readonly from: string;
  readonly to: string;
}
