import type { SecretRule } from './secret-rule.ts';

/** The rules of `@secretlint/secretlint-rule-preset-recommend`, one for each that cclink uses. */
export const LIBRARY_RULES: readonly SecretRule[] = [];
