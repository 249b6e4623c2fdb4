import { CREDENTIAL_RULES } from './credential-rules.ts';
import { NAMED_SECRET_RULES } from './named-secret-rules.ts';
import { PRIVATE_KEY_RULES } from './private-key-rules.ts';
import { RECOVERY_PHRASE_RULE } from './recovery-phrase-rule.ts';
import type { SecretRule } from './secret-rule.ts';
import { SHAPED_TOKEN_RULES } from './shaped-token-rules.ts';
import { TOKEN_RULES } from './token-forms.ts';
import { WRITTEN_OUT_RULES } from './written-out-rules.ts';

/**
 * What the library's rules miss, and most of what they find once more: theirs want a token of just the length
 * that it has today. The more exact come first: the first to find a value names its kind.
 */
export const OWN_RULES: readonly SecretRule[] = [
  ...TOKEN_RULES,
  ...SHAPED_TOKEN_RULES,
  ...PRIVATE_KEY_RULES,
  RECOVERY_PHRASE_RULE,
  ...CREDENTIAL_RULES,
  ...NAMED_SECRET_RULES,
  ...WRITTEN_OUT_RULES,
];
