/** Where records that point at a dropped one point instead: at what that one pointed at. */
export class Links {
  get size(): number {
    throw new Error('not yet');
  }
}
