import { Failure } from '../../failure.ts';

/**
 * What is wrong with a bundle. `damaged`: changed since it was sealed, or not whole (yet); `malformed`:
 * sealed with something in it that cclink does not write; `forged`: its signature is wrong; `no bundle`:
 * another kind of file.
 */
export type BundleDefect = 'damaged' | 'malformed' | 'forged' | 'over the limits' | 'newer format' | 'no bundle';

/** A bundle that can't be imported, whoever opens it: always `refused`. */
export class BundleFailure extends Failure {
  readonly defect: BundleDefect;

  constructor(defect: BundleDefect, message: string, hint: string, options: ErrorOptions = {}) {
    super('refused', message, hint, options);
    this.defect = defect;
  }
}

/** It was changed since it was sealed, or a part is missing. */
export function damagedBundle(options: ErrorOptions = {}): BundleFailure {
  return new BundleFailure(
    'damaged',
    'The bundle is damaged, or not all of it is here.',
    'Get it again from where it came from; if it was changed on the way, do not trust it.',
    options,
  );
}

/** It could be opened, but is not what cclink writes. `what` is put behind a colon. */
export function malformedBundle(what: string, options: ErrorOptions = {}): BundleFailure {
  return new BundleFailure(
    'malformed',
    `The bundle is malformed: ${what}.`,
    'Do not trust it: cclink does not write such bundles. Ask for it to be exported again.',
    options,
  );
}

export function overTheLimits(what: string): BundleFailure {
  return new BundleFailure(
    'over the limits',
    `The bundle is over the limits of cclink: ${what}.`,
    'Nothing was written. If you trust it, open it with `age -d` and `tar tz`, and look at what is in it.',
  );
}

/** An age file of somebody else's, or no age file at all. */
export function noBundle(): BundleFailure {
  return new BundleFailure('no bundle', 'This file is not a bundle of cclink.', 'Check that it is the right one.');
}
