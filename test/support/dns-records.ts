import fc from 'fast-check';
import type { Packet, ResourceRecord } from '../../src/dht/dns-packet.ts';
import { Failure } from '../../src/failure.ts';

/** A key (z-base-32) for records. */
export const KEY = '8pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo';

export const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const labels = (name: string) => name.split('.').map(ascii);

export function record(
  owner: string,
  type: number,
  data: Uint8Array,
  more: Partial<ResourceRecord> = {},
): ResourceRecord {
  return { owner: labels(owner), type, class: 1, ttl: 300, data, compressed: false, ...more };
}

const name = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 8 }), { maxLength: 4 })
  .map((owner) => owner.map((label) => Uint8Array.from(label)));
/** Arbitrary records of other programs. */
export const anyRecords = fc.array(
  fc.record<ResourceRecord>({
    owner: fc.oneof(
      name,
      name.map((owner) => [...owner.slice(0, 1), ascii(KEY)]),
    ),
    type: fc.constantFrom(1, 16, 28, 43, 65280),
    class: fc.nat(65535),
    ttl: fc.nat(0xffffffff),
    data: fc.uint8Array({ maxLength: 40 }).map((data) => Uint8Array.from(data)),
    compressed: fc.constant(false),
  }),
  { maxLength: 8 },
);
/** A copy without Buffers, to compare. */
export const plain = ({ records }: Packet): Packet => ({
  records: records.map((item) => ({
    ...item,
    owner: item.owner.map((label) => Uint8Array.from(label)),
    data: Uint8Array.from(item.data),
  })),
});

/** The failure that `work` throws. */
export function refusalOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
