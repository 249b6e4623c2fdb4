/** A key: a byte of text (UTF-8), or what a control character or an escape sequence stands for. */
export type Key = number | 'return' | 'cancel' | 'backspace' | 'erase line' | 'erase word' | 'up' | 'down';

/** Ctrl-D is an answer to nothing: whoever types it wants to leave. Ctrl-\ would dump the memory. */
const CONTROLS: ReadonlyMap<number, Key> = new Map<number, Key>([
  [0x03, 'cancel'],
  [0x04, 'cancel'],
  [0x1c, 'cancel'],
  [0x0a, 'return'],
  [0x0d, 'return'],
  [0x08, 'backspace'],
  [0x7f, 'backspace'],
  [0x15, 'erase line'],
  [0x17, 'erase word'],
  [0x0e, 'down'],
  [0x10, 'up'],
]);

const ESCAPE = 0x1b;
const TAB = 0x09;

/** Tells the keys in what a terminal in raw mode sends. Escape sequences of other keys are dropped. */
export class KeyReader {
  private state: 'text' | 'escape' | 'sequence' = 'text';

  *keys(bytes: Uint8Array): Iterable<Key> {
    for (const byte of bytes) {
      const key = this.next(byte);
      if (key !== null) yield key;
    }
    // A terminal sends a sequence whole, so this was the key Esc.
    if (this.state === 'escape') this.state = 'text';
  }

  private next(byte: number): Key | null {
    if (byte === ESCAPE) {
      this.state = 'escape';
      return null;
    }
    const state = this.state;
    // Parameters of a sequence (ECMA-48); anything else ends it.
    if (state === 'sequence' && byte >= 0x20 && byte < 0x40) return null;
    this.state = 'text';
    if (byte < 0x20 || byte === 0x7f) return byte === TAB ? byte : (CONTROLS.get(byte) ?? null);
    switch (state) {
      case 'text':
        return byte;
      case 'escape':
        if (byte === 0x5b || byte === 0x4f) this.state = 'sequence'; // [ and O
        return null; // else a key together with Alt
      case 'sequence':
        return byte === 0x41 ? 'up' : byte === 0x42 ? 'down' : null;
    }
  }
}
