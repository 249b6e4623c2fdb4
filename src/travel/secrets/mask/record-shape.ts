import { isThinking } from '../../transcript/thinking.ts';

/** What may become of the strings in a value: all are masked, all stay, or it depends on their place. */
export type Shape = 'masked' | 'stays' | Structure;

interface Structure {
  readonly members: ReadonlyMap<string, Shape>;
  /** Of members that are not among these. */
  readonly others: Shape;
  /** Of the keys of all. */
  readonly keys: 'masked' | 'stays';
}

/** Something whose keys are words of Claude Code: without them it would be no record any more. */
const structure = (staying: readonly string[], members: Readonly<Record<string, Shape>> = {}): Structure => ({
  members: new Map<string, Shape>([...staying.map((key) => [key, 'stays'] as const), ...Object.entries(members)]),
  others: 'masked',
  keys: 'stays',
});

const BACKUP = structure(['backupFileName', 'backupTime']);
const SOURCE = structure(['type', 'media_type']);
/** A block of a message. The API refuses an id or a name of a tool that is not of letters and digits. */
const BLOCK = structure(['type', 'id', 'tool_use_id', 'name', 'cache_control'], {
  source: SOURCE,
  content: structure(['type'], { source: SOURCE }),
});

/** A record: what links and names it stays, so that the session can still be resumed. */
export const RECORD: Shape = structure(
  [
    ...['type', 'subtype', 'uuid', 'parentUuid', 'logicalParentUuid', 'leafUuid', 'cutUuid', 'messageId'],
    ...['snapshotMessageId', 'sessionId', 'session_id', 'requestId', 'promptId', 'agentId', 'toolUseID'],
    ...['sourceToolAssistantUUID', 'sourceToolUseID', 'timestamp', 'version', 'userType', 'entrypoint', 'level'],
    'compactMetadata',
  ],
  {
    message: structure(['type', 'role', 'id', 'stop_reason'], { content: BLOCK }),
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

/** The shape of an object where `shape` is expected: what is signed stays. */
export function shapeOfObject(shape: Shape, object: unknown): Shape {
  return shape === BLOCK && isThinking(object) ? 'stays' : shape;
}

/** Whether the keys of an object of some shape stay. */
export const keysStay = (shape: Shape) => shape === 'stays' || (typeof shape === 'object' && shape.keys === 'stays');
