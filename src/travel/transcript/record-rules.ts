import { isObject } from '../../claude/json-object.ts';
import type { LossKind } from './loss-count.ts';

export type JsonRecord = Record<string, unknown>;

/** Kinds of records that belong to a machine or an account: on another one they mislead Claude Code. */
const BOUND = new Set([
  'worktree-state',
  'bridge-session',
  'session-owner',
  'isolation-latch',
  'hybrid-organization',
  'atis-latch',
  'dev-mods',
  'resume-head-vouch',
]);

/**
 * Why a record never travels, not even to oneself; null if it does. Claude Code sends a recorded system
 * prompt as it is, and restores a recorded permission mode; logged requests are most of the bytes.
 */
export function neverTravels({ type, attachment }: JsonRecord): LossKind | null {
  if (typeof type !== 'string') return null;
  if (type.startsWith('api-request')) return 'request';
  if (type === 'permission-mode') return 'permission';
  if (type === 'attachment' && isObject(attachment) && attachment['type'] === 'prompt_snapshot') return 'prompt';
  return BOUND.has(type) ? 'bound' : null;
}

const LINKED = [
  'uuid',
  'parentUuid',
  'sessionId',
  'timestamp',
  'cwd',
  'version',
  'gitBranch',
  'userType',
  'entrypoint',
];
const SAID = [
  ...LINKED,
  ...['session_id', 'agentId', 'isSidechain', 'isMeta', 'message', 'requestId', 'promptId', 'apiBlockIndex'],
  ...['isCompactSummary', 'isVisibleInTranscriptOnly', 'isApiErrorMessage', 'imagePasteIds'],
  ...['sourceToolAssistantUUID', 'sourceToolUseID'],
];

/**
 * What is taken from somebody else: kinds of records, and of each the keys that are known to do no harm. Not
 * `toolUseResult`, which is only shown: one of `CronCreate` sets a timer for prompts again, and whose it is
 * can't be told for certain, as two calls may have one id.
 */
const TAKEN: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    user: SAID,
    assistant: SAID,
    system: [
      ...LINKED,
      ...['isSidechain', 'isMeta', 'agentId', 'logicalParentUuid', 'subtype', 'content', 'level', 'compactMetadata'],
      ...['durationMs', 'messageCount', 'toolUseID'],
    ],
    summary: ['summary', 'leafUuid'],
    'custom-title': ['customTitle', 'sessionId'],
    'ai-title': ['aiTitle', 'sessionId'],
    'agent-name': ['agentName', 'sessionId'],
    'last-prompt': ['lastPrompt', 'leafUuid', 'sessionId', 'explicit', 'rewound', 'cutUuid'],
    'file-history-snapshot': ['messageId', 'snapshot', 'isSnapshotUpdate'],
    'file-history-delta': ['messageId', 'snapshotMessageId', 'trackingPath', 'backup', 'timestamp'],
  }).map(([type, keys]) => [type, new Set(['type', ...keys])]),
);
/** Others are turned into something else when they are read (`voice_call_talk`), or hold what hooks said. */
const SUBTYPES = new Set([
  'compact_boundary',
  'local_command',
  'turn_duration',
  'informational',
  'api_error',
  'away_summary',
]);
/** What else may be in `compactMetadata`. */
const COMPACT_KEYS = new Set(['trigger', 'preTokens', 'postTokens', 'preservedSegment', 'preservedMessages']);
/** Keys whose values are strings, in whatever record. */
const TEXTS = new Set([
  'parentUuid',
  'sessionId',
  'session_id',
  'timestamp',
  'cwd',
  'version',
  'gitBranch',
  'agentId',
  'promptId',
]);
const LONGEST_UUID = 64;
const LONGEST_TEXT = 4096;

/**
 * Makes of a record of somebody else one that can do no harm, whatever Claude Code restores from records:
 * what is not known to be harmless is not in it. If it is not taken at all, returns why.
 */
export function tamed(record: JsonRecord): JsonRecord | LossKind {
  const { type } = record;
  const keys = typeof type === 'string' ? TAKEN.get(type) : undefined;
  if (keys === undefined) return type === 'attachment' ? 'attachment' : 'kind';
  // A new object: with keys deleted from it, an object is written three times slower.
  const kept: JsonRecord = {};
  for (const key of Object.keys(record)) {
    if (keys.has(key) && !(TEXTS.has(key) && !isShortText(record[key]))) kept[key] = record[key];
  }
  if (type === 'user' || type === 'assistant') return isConversation(kept) ? kept : 'invalid';
  if (type !== 'system') return kept;
  if (!isUuid(kept['uuid'])) return 'invalid';
  return typeof kept['subtype'] === 'string' && SUBTYPES.has(kept['subtype']) ? withTamedFacts(kept) : 'kind';
}

/** An attachment that holds what the user typed while Claude worked, as a record of the user. */
export function typedMeanwhile(record: JsonRecord): JsonRecord | null {
  const { attachment } = record;
  if (!isObject(attachment) || attachment['type'] !== 'queued_command' || attachment['commandMode'] !== 'prompt')
    return null;
  const { prompt } = attachment;
  if (typeof prompt !== 'string') return null;
  const said: JsonRecord = { parentUuid: null, type: 'user', message: { role: 'user', content: prompt } };
  for (const key of [...LINKED, 'isSidechain', 'agentId']) {
    if (record[key] !== undefined) said[key] = record[key];
  }
  return said;
}

function isConversation({ type, uuid, message }: JsonRecord): boolean {
  if (!isUuid(uuid) || !isObject(message) || message['role'] !== type) return false;
  const { content } = message;
  if (typeof content === 'string') return true;
  return Array.isArray(content) && content.every((block) => isObject(block) && typeof block['type'] === 'string');
}

/** What is known of a compaction, and no more. */
function withTamedFacts(record: JsonRecord): JsonRecord {
  const facts = record['compactMetadata'];
  if (facts === undefined) return record;
  const entries = isObject(facts) ? Object.entries(facts).filter(([key]) => COMPACT_KEYS.has(key)) : [];
  return { ...record, compactMetadata: Object.fromEntries(entries) };
}

/** A link may be null. */
const isShortText = (value: unknown) => value === null || (typeof value === 'string' && value.length <= LONGEST_TEXT);

/** Whether a value can be what records are pointed at by: whatever form later versions give it. */
export const isUuid = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= LONGEST_UUID;
