import { describe, expect, it } from 'vitest';
import { isSecretPath } from '../../../../src/travel/secrets/files/secret-paths.ts';

const SECRET = [
  ...['.env', '/home/alice/proj/.env', 'packages/api/.env.production', '.envrc', '.env.local', 'prod.env', '.ENV'],
  ...['.dev.vars', 'worker/.dev.vars.staging', '.flaskenv'],
  ...['C:\\Users\\Alice\\proj\\.env', 'D:/work/.Env.Test', './.env', '~/.env', 'file:///home/alice/.env', ' .env '],
  ...['certs/server.pem', 'SERVER.PEM', 'tls.key', 'a b/private.key', 'store.p12', 'store.pfx', 'a.jks', 'me.kdbx'],
  ...['id_rsa', 'keys/id_ed25519', 'id_ecdsa_sk', 'id_rsa.old', 'id_ed25519-work', '/mnt/id_deploy'],
  ...['.netrc', '_netrc', 'C:\\Users\\Alice\\_netrc', '.npmrc', '.pypirc', '.pgpass', '.git-credentials', '.htpasswd'],
  ...['credentials.json', '/home/alice/.claude/.credentials.json', '.vault-token', '.terraformrc', 'terraform.tfstate'],
  ...['~/.ssh/config', '/home/alice/.ssh/known_hosts', '.ssh', '/root/.ssh/', 'C:\\Users\\Alice\\.ssh\\id_rsa.pub'],
  ...['~/.aws/credentials', '$HOME/.aws/config', '.gnupg/private-keys-v1.d/a', '~/.kube/config', '.docker/config.json'],
  ...[
    '~/.azure/accessTokens.json',
    '~/.config/gcloud/access_tokens.db',
    '~/.config/gh/hosts.yml',
    '~/.pubky/secret_key',
  ],
  ...['C:\\Users\\Alice\\AppData\\Roaming\\GitHub CLI\\hosts.yml', '~/.cargo/credentials', '~/.m2/settings.xml'],
  ...[
    '/etc/shadow',
    '/proc/self/environ',
    '/proc/1/environ',
    '**/.env*',
    'server.pem.bak',
    'tls.key~',
    '.npmrc.old',
    'terraform.tfstate.backup',
    '.npmrc*',
    '*.pem',
    '**/*.key',
    '~/.ssh/*',
  ],
  ...[`${'a/'.repeat(5000)}.env`, 'cl\u00e9s/.env', 'cl\u00e9.pem'],
];

const ORDINARY = [
  ...[
    'environment.ts',
    'src/environment.ts',
    'env',
    'env.ts',
    '.environ/readme.md',
    'development',
    'myenv',
    'proc/environ',
  ],
  ...[
    'keyboard.key.tsx',
    'keys.ts',
    'notes.bak',
    'monkey',
    'turkey.png',
    '.key',
    'key',
    'keystore.ts',
    'pem',
    'pem.ts',
    'a.pem.ts',
  ],
  ...['id_card.png', 'id_map.ts', 'grid_rsa', 'valid_rsa', 'id_rsa.pub', 'keys/id_ed25519.pub', 'id', 'id_'],
  ...['netrc', 'npmrc.md', 'package.json', 'credentials.ts', 'auth.json', 'secrets.ts', 'config.json', 'settings.xml'],
  ...[
    'ssh/config',
    'src/aws/client.ts',
    '.sshx/config',
    'x.ssh/config',
    '.awsome/a',
    'docker/config.json',
    '.config/ghx/a',
  ],
  ...['.github/workflows/ci.yml', '.gitignore', '.git/config', '.venv/bin/python', '/etc/passwd', '', '/', ' '],
];

describe('isSecretPath', () => {
  it.each(SECRET)('knows %j for a file of secrets', (path) => {
    expect(isSecretPath(path)).toBe(true);
  });

  it.each(ORDINARY)('takes %j for what it is', (path) => {
    expect(isSecretPath(path)).toBe(false);
  });

  it('needs no more time for a path that nobody can open', () => {
    const started = performance.now();
    for (const part of ['a', '/', '\\', '.env', 'id_', ' ', '.config/']) isSecretPath(part.repeat(1_000_000));
    expect(performance.now() - started).toBeLessThan(500);
  });
});
