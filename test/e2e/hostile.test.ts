import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sealTo } from '../../src/crypto/age.ts';
import { x25519PublicOfSecret, x25519SecretOf } from '../../src/crypto/x25519.ts';
import { parseBootstrap } from '../../src/dht/bootstrap.ts';
import { type Dht, openDht } from '../../src/dht/client.ts';
import { EMPTY_PACKET, encodePacket } from '../../src/dht/dns-packet.ts';
import { type MutableItem, signItem } from '../../src/dht/mutable-item.ts';
import { type PrivateNetwork, startPrivateNetwork } from '../../src/dht/private/private-network.ts';
import { History } from '../../src/handoff/history.ts';
import type { Payload } from '../../src/handoff/payload.ts';
import { publish } from '../../src/handoff/publish.ts';
import { signRecord } from '../../src/handoff/record.ts';
import { HANDOFF_TXT } from '../../src/handoff/txt-record.ts';
import { encodePublicKey } from '../../src/identity/public-key.ts';
import { type Identity, identityOf } from '../../src/identity/unlock.ts';
import { Machine, SESSION } from '../support/machine.ts';
import { fromHex } from '../support/vectors.ts';

const HOSTILE = 'a\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eb\u0008';
const HARMFUL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

let network: PrivateNetwork;
let dht: Dht;
let victim: Machine;
let identity: Identity;
let stateFolder: string;
let history: History;

beforeAll(async () => {
  network = await startPrivateNetwork({ nodes: 12 });
  dht = openDht({ bootstrap: parseBootstrap(network.bootstrap) });
});
afterAll(async () => {
  dht.close();
  await network.close();
});
beforeEach(async () => {
  victim = new Machine('victim', network.bootstrap);
  stateFolder = mkdtempSync(join(tmpdir(), 'cclink-test-'));
  history = new History(stateFolder);
  await victim.init();
  identity = identityOf(fromHex(readFileSync(victim.keyFile, 'utf8')));
  victim.addSession();
  victim.installClaude();
});
afterEach(() => {
  victim.remove();
  rmSync(stateFolder, { recursive: true });
});

const send = (payload: Partial<Payload>) =>
  publish(
    dht,
    identity,
    {
      audience: { mode: 'self' },
      burn: false,
      ttl: 3600,
      payload: { host: 'h', project: '/p', session: SESSION, ...payload },
    },
    { now: Date.now, history },
  );

describe('a handoff that a stranger wrote', () => {
  it('is shown harmless, whatever its host and project hold, as text and as JSON', async () => {
    await send({ host: `${HOSTILE}${' '.repeat(62)}row`, project: `/x/${HOSTILE}` });
    for (const args of [
      ['show'],
      ['show', '--json'],
      ['list'],
      ['list', '--json'],
      ['pickup', '-y', '--no-run'],
      ['pickup', '-y', '--json'],
    ]) {
      const { code, stdout, stderr } = await victim.run(args);
      expect([args, code]).toEqual([args, 0]);
      expect(stdout).not.toMatch(HARMFUL);
      expect(stderr).not.toMatch(HARMFUL);
      if (args.length === 1) expect(stdout).toMatch(/From +\S+ row\n/);
    }
    const host = expect.stringContaining(HOSTILE);
    expect(await victim.json(['show'])).toMatchObject({ session: { host, project: `/x/${HOSTILE}` } });
  });

  it('is shown harmless, whatever its recipient holds, in failures and in stacks too', async () => {
    const stranger = identityOf(new Uint8Array(32).fill(77));
    const name = encodePublicKey(stranger.publicKey);
    const record = signRecord(
      {
        blob: await sealTo(x25519PublicOfSecret(x25519SecretOf(stranger.seed)), Buffer.from(SESSION)),
        burn: false,
        createdAt: BigInt(Math.floor(Date.now() / 1000)),
        hostname: 'h',
        pinSalt: null,
        project: '/p',
        publicKey: stranger.publicKey,
        recipient: `${HOSTILE}${' '.repeat(62)}Error: ${'x'.repeat(150)}`,
        ttl: 3600n,
      },
      stranger.seed,
    );
    const value = encodePacket(HANDOFF_TXT.write(EMPTY_PACKET, name, record.text));
    await dht.put(signItem(stranger.seed, stranger.publicKey, Date.now() * 1000, value));
    for (const flags of [[], ['-v'], ['--json'], ['-v', '--json']]) {
      const { code, stdout, stderr } = await victim.run(['show', name, ...flags]);
      expect([code, stdout]).toEqual([4, '']);
      expect(stderr).toMatch(/sealed for another key/);
      expect(stderr).not.toMatch(/Error: x|x{40}/);
      expect(stderr).not.toMatch(HARMFUL);
      if (flags.includes('--json'))
        expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error.code).toBe('cannot-open');
    }
  });

  it.each([
    '--dangerously-skip-permissions',
    '../../etc/passwd',
    'x; rm -rf ~',
    'ABCDEF01-1111-4111-8111-111111111111',
    '',
  ])('never gets its session id into a command line if that is no UUID: %j', async (session) => {
    await send({ session });
    for (const args of [['pickup', '-y'], ['pickup', '-y', '--json'], ['show']]) {
      const { code, stdout } = await victim.run(args);
      expect([args, code, stdout]).toEqual([args, 5, '']);
    }
    expect(victim.claudeStart()).toBeNull();
    expect(await victim.json(['list'])).toMatchObject([{ session: { id: session } }]);
    expect(await victim.json(['revoke', '-y'])).toMatchObject({ revoked: true });
  });

  it('names the directory where claude will start, if that is not the project it claims', async () => {
    await send({ project: '/somewhere/harmless' });
    const { stderr } = await victim.run(['pickup', '-y', '--no-run']);
    expect(stderr).toContain('/somewhere/harmless');
    expect(stderr).toContain(victim.project);
  });
});

describe('an old packet that somebody puts back', () => {
  it('is not taken on the machine that revoked it', async () => {
    await victim.json(['publish']);
    const old = (await dht.resolve(identity.publicKey)).newest as MutableItem;
    await victim.json(['revoke', '-y']);
    const elsewhere = await startPrivateNetwork({ nodes: 8 });
    const other = openDht({ bootstrap: parseBootstrap(elsewhere.bootstrap) });
    await other.put(old);
    const { code, stderr } = await victim.run(['pickup', '-y', '--json'], {
      env: { CCLINK_BOOTSTRAP: elsewhere.bootstrap },
    });
    expect([code, JSON.parse(stderr).error.code]).toEqual([3, 'revoked']);
    other.close();
    await elsewhere.close();
  });
});

describe('secrets', () => {
  it('never reach claude: neither passphrase nor PIN nor code is in its environment', async () => {
    const secrets = {
      CCLINK_PASSPHRASE: 'a good passphrase',
      CCLINK_NEW_PASSPHRASE: 'a better passphrase',
      CCLINK_PIN: 'correct horse battery',
      CCLINK_CODE: 'six words',
    };
    const { code } = await victim.run(['init', '--import', victim.keyFile, '-y'], { env: secrets });
    expect(code).toBe(0);
    await victim.json(['publish'], { env: secrets });
    expect((await victim.run(['pickup', '-y'], { env: secrets })).code).toBe(0);
    const start = JSON.stringify(victim.claudeStart());
    expect(start).toContain(SESSION);
    for (const secret of Object.values(secrets)) expect(start).not.toContain(secret);
  });

  it('never reach a passphrase command', async () => {
    await victim.run(['init', '--import', victim.keyFile, '-y'], { env: { CCLINK_PASSPHRASE: 'a good passphrase' } });
    const leak = join(victim.home, 'leak');
    const env = {
      CCLINK_PIN: 'correct horse battery',
      CCLINK_PASSPHRASE_COMMAND: `env > '${leak}'; echo 'a good passphrase'`,
    };
    await victim.json(['publish'], { env });
    expect(readFileSync(leak, 'utf8')).toContain('HOME=');
    expect(readFileSync(leak, 'utf8')).not.toContain('correct horse battery');
  });
});

describe('a model at the keyboard', () => {
  it('does not replace what was meant for somebody else, whatever it adds', async () => {
    await victim.json(['publish', '--share', 'df9sse9bp1nuftim3yhxiuk6w6r5hddsskjygpydux7esxjstioo']);
    for (const args of [['publish'], ['publish', '-y'], ['publish', '-y', '--force', SESSION]]) {
      const { code } = await victim.run(args, { env: { CLAUDECODE: '1' } });
      expect([args, code]).toEqual([args, 5]);
    }
    expect(await victim.json(['list'])).toMatchObject([{ mode: 'share' }]);
  });
});
