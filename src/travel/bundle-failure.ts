import { Failure } from '../failure.ts';

/**
 * What is wrong with a bundle. `damaged`: changed, or not whole (yet); `forged`: its signature is wrong;
 * `no bundle`: another kind of file.
 */
export type BundleDefect = 'damaged' | 'forged' | 'no bundle' | 'over the limits' | 'newer format';

/** A bundle that can't be imported, whoever opens it: always `refused`. */
export class BundleFailure extends Failure {
  readonly defect: BundleDefect;

  constructor(defect: BundleDefect, message: string, hint: string, options: ErrorOptions = {}) {
    super('refused', message, hint, options);
    this.defect = defect;
  }
}
