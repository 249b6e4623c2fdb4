declare module 'z32' {
  export function encode(bytes: Uint8Array): string;
  export function decode(text: string): Uint8Array;
}
