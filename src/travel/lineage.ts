/**
 * What was said in a session: the `uuid`s of its user and assistant records in the order of the file, each
 * counted once. Records that may be dropped on the way (attachments, thinking alone) don't count.
 */
export class Lineage {
  /** How many there are. */
  get length(): number {
    throw new Error('not yet');
  }
}

/** How a session here is related to one from there. */
export type Relation = 'same' | 'here is older' | 'here is newer' | 'apart';

/** Compares two lineages: which of them is the beginning of the other. */
export function compareLineage(_here: Lineage, _there: Lineage): Relation {
  throw new Error('not yet');
}
