import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from '../failure.ts';
import { octalMode } from '../files/permissions.ts';
import { OwnKey } from '../identity/own-key.ts';
import { encodePublicKey } from '../identity/public-key.ts';
import { quoteForShell } from '../shell-quote.ts';
import { bad, type Check, checked, good } from './check.ts';
import { mustBelongToUser } from './folders.ts';

/** Whether the key file at `path` can be used and is the user's alone. It is not opened. */
export function keyCheck(path: string): Check {
  return checked('key', () => {
    const own = OwnKey.read(path, { kind: 'ask', ask: () => Promise.reject(new Error('doctor asks nothing')) });
    const { isEncrypted, knownPublicKey } = own;
    own.wipe();
    mustBelongToUser(path, statSync(path));
    const folder = dirname(path);
    const stats = statSync(folder);
    if (process.platform !== 'win32' && (stats.mode & 0o022) !== 0) {
      const what = `Other users can replace your key: its folder ${folder} is ${octalMode(stats)}.`;
      return bad('key', new Failure('refused', what, `chmod go-w ${quoteForShell(folder)}`));
    }
    const whose = knownPublicKey === null ? 'its public key shows once it is opened' : encodePublicKey(knownPublicKey);
    const how = isEncrypted ? 'encrypted' : 'not encrypted';
    return good('key', `Your key is yours alone, and ${how}: ${path} (${whose}).`);
  });
}
