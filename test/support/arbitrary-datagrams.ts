import fc from 'fast-check';
import { type Encodable, encode } from '../../src/dht/bencode.ts';
import { compactNodes } from '../../src/dht/krpc.ts';

/** Makes a datagram from a valid answer and its transaction id. */
export type Make = (answer: Uint8Array, transaction: Uint8Array) => Uint8Array;

/** macOS sends no longer datagrams. */
const LONGEST = 9000;

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** Some of these names are special in JavaScript. */
const name = fc.oneof(
  fc.string({ maxLength: 5, unit: 'binary-ascii' }),
  fc.constantFrom('__proto__', 'length', 'toString'),
);

const { tree } = fc.letrec<{ tree: Encodable }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.maxSafeInteger(),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
  ),
}));

/** Nodes on this machine that do not exist. */
const node = fc.record({
  id: bytes(20),
  host: fc.tuple(fc.nat(255), fc.nat(255)).map(([c, d]) => `127.255.${c}.${d}`),
  port: fc.nat(65_535),
});

/**
 * The body of a reply with a forged packet of a key. Most have one or two fields replaced by something
 * arbitrary.
 */
const body = (publicKey: Uint8Array) =>
  fc
    .tuple(
      fc.record({
        id: bytes(20),
        k: fc.constant(publicKey),
        nodes: fc.array(node, { maxLength: 40 }).map(compactNodes),
        seq: fc.maxSafeNat(),
        sig: bytes(64),
        token: fc.uint8Array({ maxLength: 70 }),
        v: fc.uint8Array({ maxLength: 100 }),
      }),
      fc.dictionary(fc.constantFrom('id', 'k', 'nodes', 'seq', 'sig', 'token', 'v', '__proto__'), tree, { maxKeys: 2 }),
    )
    .map(([forged, changes]): Encodable => ({ ...forged, ...changes }));

const message = (publicKey: Uint8Array) =>
  fc.record({
    y: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('r', 'r', 'r', 'e', 'q') }, tree),
    r: fc.oneof({ weight: 4, arbitrary: body(publicKey) }, tree),
    e: fc.oneof(fc.tuple(fc.integer(), fc.oneof(fc.string(), tree)), tree),
    v: tree,
  });

/** A change at a position from 0, the start of a datagram, to 1, its end. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  does: fc.constantFrom('replace', 'insert', 'remove', 'cut'),
  byte: fc.nat(255),
});

function edited(datagram: Uint8Array, { at, does, byte }: { at: number; does: string; byte: number }): Uint8Array {
  const position = Math.floor(at * datagram.length);
  const before = datagram.subarray(0, position);
  if (does === 'cut') return before;
  const put = does === 'remove' ? [] : [byte];
  return Buffer.concat([before, Buffer.of(...put), datagram.subarray(does === 'insert' ? position : position + 1)]);
}

/**
 * Arbitrary bytes, arbitrary bencoded values, arbitrary replies with forged packets of `publicKey`, and valid
 * answers with up to 4 changes, or none.
 */
export function arbitraryDatagrams(publicKey: Uint8Array): fc.Arbitrary<Make> {
  return fc.oneof<fc.Arbitrary<Make>[]>(
    fc.uint8Array({ maxLength: 300 }).map((noise) => () => noise),
    fc.string({ unit: fc.constantFrom(...'dlie0123456789:-a'), maxLength: 100 }).map((text) => () => Buffer.from(text)),
    fc.tuple(fc.constantFrom('l', 'd1:a', '9', 'le', '8180:'), fc.nat(LONGEST)).map(
      ([text, length]) =>
        () =>
          Buffer.alloc(length, text),
    ),
    tree.map((value) => () => encode(value)),
    message(publicKey).map((fields) => (_, t) => encode({ t, ...fields })),
    fc.array(edit, { maxLength: 4 }).map((edits) => (answer) => edits.reduce(edited, answer)),
  );
}
