/** Gives the records of a session, which goes on as a second one, its new id. */
export class SessionIdChange {
  readonly #from: readonly Buffer[];
  readonly #to: Buffer;

  constructor({ from, to }: { readonly from: string; readonly to: string }) {
    this.#from = ['sessionId', 'session_id'].map((key) => Buffer.from(`"${key}":"${from}"`));
    this.#to = Buffer.from(`"${to}"`);
  }

  /** In JSON as Claude Code writes it, without white space. Ids are all of one length. */
  replaceIn(json: Buffer): Buffer {
    if (!this.#from.some((from) => json.includes(from))) return json;
    const changed = Buffer.from(json);
    for (const from of this.#from) {
      for (let at = changed.indexOf(from); at !== -1; at = changed.indexOf(from, at + from.length)) {
        this.#to.copy(changed, at + from.length - this.#to.length);
      }
    }
    return changed;
  }
}
