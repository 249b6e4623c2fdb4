/**
 * A copy of a secret, to be overwritten after use. V8 moves small arrays about on its heap, and leaves what
 * was in them where they were; this one has memory of its own, outside of that heap, and stays there.
 */
export function secretBytes(secret: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(secret.length));
  bytes.set(secret);
  return bytes;
}
