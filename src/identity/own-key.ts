import { statSync } from 'node:fs';
import { Failure } from '../failure.ts';
import { publicKeyOfStored, readKeyFile, type StoredKey } from './key-file.ts';
import { samePublicKey } from './public-key.ts';
import { type Identity, type PassphraseSource, unlock, wipe } from './unlock.ts';

/**
 * The key pair of this machine: read from its file, opened at the first need and only once, and wiped at the
 * end.
 */
export class OwnKey {
  private readonly path: string;
  private readonly stored: StoredKey;
  private readonly source: PassphraseSource;
  private opening: Promise<Identity> | null = null;
  private opened: Identity | null = null;
  private isWiped = false;
  private known: Uint8Array | null;

  /** The key that was read from the file at `path`. */
  constructor(path: string, stored: StoredKey, source: PassphraseSource) {
    this.path = path;
    this.source = source;
    this.stored = stored;
    this.known = publicKeyOfStored(path, stored);
  }

  /** Reads the key file at `path`, without opening it. Throws as `readKeyFile` does. */
  static read(path: string, source: PassphraseSource): OwnKey {
    return new OwnKey(path, readKeyFile(path), source);
  }

  /** The same, or null where there is no key file. */
  static ifAny(path: string, source: PassphraseSource): OwnKey | null {
    try {
      return OwnKey.read(path, source);
    } catch (error) {
      if (error instanceof Failure && error.code === 'no-key') return null;
      throw error;
    }
  }

  get isEncrypted(): boolean {
    return this.stored.kind === 'encrypted';
  }

  /** True if it can be opened without asking anybody. */
  get opensSilently(): boolean {
    return !this.isEncrypted || this.source.kind !== 'ask';
  }

  /**
   * The public key (32 bytes) as far as it is known; null where an encrypted key was never opened here.
   * Before it is opened, that of an encrypted key is what stands in the file beside it.
   */
  get knownPublicKey(): Uint8Array | null {
    return this.known;
  }

  /**
   * True if `knownPublicKey` comes from the key itself, and not from the file beside it, which may be that of
   * another key.
   */
  get isProven(): boolean {
    return !this.isEncrypted || this.opened !== null;
  }

  /** When the key file was made, in Unix milliseconds. */
  get madeAtMs(): number {
    return statSync(this.path).mtimeMs;
  }

  /** The public key (32 bytes). Opens the key if there is no other way to know it. */
  async publicKey(): Promise<Uint8Array> {
    return this.known ?? (await this.open()).publicKey;
  }

  /**
   * The key pair. The first call opens it, asking for a passphrase if need be; what came of that stands for
   * the others.
   */
  open(): Promise<Identity> {
    if (this.isWiped) return Promise.reject(new Error('the own key was wiped'));
    this.opening ??= unlock(this.path, this.stored, this.source).then((identity) => {
      this.opened = identity;
      this.known = identity.publicKey;
      if (this.isWiped) this.wipe();
      return identity;
    });
    return this.opening;
  }

  /**
   * The key pair, if it is that of `publicKey` (32 bytes). Throws `refused` where the file beside it named
   * another key.
   */
  async openAs(publicKey: Uint8Array): Promise<Identity> {
    const identity = await this.open();
    if (samePublicKey(identity.publicKey, publicKey)) return identity;
    throw new Failure(
      'refused',
      `The public key beside ${this.path} was that of another key; it has been corrected.`,
      'Run the command again.',
    );
  }

  /**
   * To be called before it is said that nothing stands under `publicKey` (32 bytes), which may come from the
   * file beside an encrypted key. Throws `refused` as `openAs` does, if the key opens without a question.
   */
  async checkSilently(publicKey: Uint8Array): Promise<void> {
    if (this.isProven || !this.opensSilently) return;
    try {
      await this.openAs(publicKey);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'cannot-open') throw error;
    }
  }

  /** Overwrites the secret key, now or as soon as it has been opened. It can't be used any more. */
  wipe(): void {
    this.isWiped = true;
    if (this.opened !== null) wipe(this.opened);
    if (this.stored.kind === 'plain') this.stored.seed.fill(0);
  }
}
