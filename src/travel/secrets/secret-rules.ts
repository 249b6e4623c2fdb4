import type { SecretRule } from './secret-rule.ts';

/** What the library's rules miss. The more exact come first: the first to find a value names its kind. */
export const OWN_RULES: readonly SecretRule[] = [];
