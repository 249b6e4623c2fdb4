import { isObject } from '../../claude/json-object.ts';
import type { Links } from './links.ts';
import type { Change } from './record-change.ts';
import { isUuid, type JsonRecord } from './record-rules.ts';

/** A `compactMetadata` is three deep. */
const DEEPEST = 4;
/** What is said, and what tools gave: no links, but a lot of text. And what each record has, for speed. */
const NO_LINKS = new Set([
  ...['message', 'toolUseResult', 'attachment', 'content'],
  ...['uuid', 'type', 'sessionId', 'session_id', 'timestamp', 'version', 'cwd', 'gitBranch', 'userType', 'entrypoint'],
]);

/**
 * Mends what in a record points at dropped records, whatever the key: `parentUuid`, `logicalParentUuid`,
 * `leafUuid`, `sourceToolAssistantUUID`, lists in `compactMetadata` and those that later versions add.
 */
export function mendedLinks(record: JsonRecord, links: Links): Change[] {
  const changes: Change[] = [];
  if (!links.hasDropped) return changes;
  for (const [key, value] of Object.entries(record)) {
    if (!NO_LINKS.has(key)) mend(value, [key], links, changes);
  }
  return changes;
}

function mend(value: unknown, path: readonly (string | number)[], links: Links, changes: Change[]): void {
  if (typeof value === 'string') {
    if (isLost(value, links)) changes.push({ path, kind: 'set', to: links.resolve(value) });
  } else if (path.length >= DEEPEST) return;
  else if (Array.isArray(value)) {
    const kept = value.filter((each) => !isLost(each, links));
    if (kept.length < value.length) changes.push({ path, kind: 'set', to: kept });
  } else if (isObject(value)) {
    for (const [key, each] of Object.entries(value)) mend(each, [...path, key], links, changes);
  }
}

const isLost = (value: unknown, links: Links) => isUuid(value) && links.isDropped(value);
