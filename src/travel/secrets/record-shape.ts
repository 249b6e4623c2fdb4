import { isObject } from '../../claude/json-object.ts';

/** What may become of the strings in a value: all are masked, all stay, or it depends on their place. */
export type Shape = 'masked' | 'stays' | Structure;

interface Structure {
  readonly members: ReadonlyMap<string, Shape>;
  /** Of members that are not among these. */
  readonly others: Shape;
  /** Of the keys of all. */
  readonly keys: 'masked' | 'stays';
}

/** Its keys are words of Claude Code: without them it would be no record any more. */
const structure = (staying: readonly string[], members: Readonly<Record<string, Shape>> = {}): Structure => ({
  members: new Map<string, Shape>([...staying.map((key) => [key, 'stays'] as const), ...Object.entries(members)]),
  others: 'masked',
  keys: 'stays',
});

const BACKUP = structure(['backupFileName', 'backupTime']);
/** What a tool's result may consist of. */
const PART = structure(['type'], { source: structure(['type', 'media_type']) });
/** The API refuses a request in which an id or a name of a tool holds anything but letters and digits. */
const BLOCK: Shape = {
  ...PART,
  members: new Map<string, Shape>([
    ...PART.members,
    ...['id', 'tool_use_id', 'name', 'cache_control'].map((key) => [key, 'stays'] as const),
    ['content', PART],
  ]),
};

/** A record: what links and names it stays, so that the session can still be resumed. */
export const RECORD: Shape = structure(
  [
    ...['type', 'subtype', 'uuid', 'parentUuid', 'logicalParentUuid', 'leafUuid', 'cutUuid', 'messageId'],
    ...['snapshotMessageId', 'sessionId', 'session_id', 'requestId', 'promptId', 'agentId', 'toolUseID'],
    ...['sourceToolAssistantUUID', 'sourceToolUseID', 'timestamp', 'version', 'userType', 'entrypoint', 'level'],
    'compactMetadata',
  ],
  {
    message: structure(['type', 'role', 'id', 'model', 'stop_reason'], { content: BLOCK }),
    snapshot: structure(['messageId', 'timestamp'], {
      trackedFileBackups: { members: new Map(), others: BACKUP, keys: 'masked' },
    }),
    backup: BACKUP,
  },
);

/** The shape of a member of a value of some shape. The elements of an array have that of the array. */
export function shapeOfMember(shape: Shape, key: string): Shape {
  return typeof shape === 'string' ? shape : (shape.members.get(key) ?? shape.others);
}

/** The shape of an object where `shape` is expected: what is signed stays, wherever it stands. */
export function shapeOfObject(shape: Shape, object: unknown): Shape {
  if (shape !== BLOCK || !isObject(object)) return shape;
  return object['type'] === 'thinking' || object['type'] === 'redacted_thinking' ? 'stays' : shape;
}

/** Whether the keys of an object of some shape stay. */
export const keysStay = (shape: Shape) => shape === 'stays' || (typeof shape === 'object' && shape.keys === 'stays');
