import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { LIBRARY_RULES } from '../../src/travel/secrets/rules/library-rules.ts';
import { OWN_RULES } from '../../src/travel/secrets/rules/secret-rules.ts';
import { ExactValues } from '../../src/travel/secrets/scan/exact-values.ts';
import { SecretScanner } from '../../src/travel/secrets/scan/secret-scanner.ts';
import { describePeer, missingPrograms } from './peer-programs.ts';
import { type PublicPackage, publicCode } from './public-code.ts';

/** Code as sessions show it, of many kinds and authors: with its tests, documents and translations. */
const PACKAGES: readonly PublicPackage[] = [
  'npm:typescript@5.9.2',
  'npm:openai@5.16.0',
  'npm:stripe@18.5.0',
  'npm:eslint@9.34.0',
  'npm:@anthropic-ai/sdk@0.60.0',
  'npm:firebase-admin@13.4.0',
  'npm:node-forge@1.3.1',
  'pypi:Django@5.2.5',
  'pypi:SQLAlchemy@2.0.43',
  'pypi:slack_sdk@3.36.0',
  'pypi:huggingface_hub@0.34.4',
  'pypi:boto3@1.40.20',
  'go:github.com/cli/cli/v2@v2.78.0',
  'go:github.com/docker/cli@v28.3.3+incompatible',
  'go:github.com/gin-gonic/gin@v1.10.1',
  'crate:tokio@1.47.1',
  'crate:ring@0.17.14',
  'crate:rustls@0.23.31',
  'crate:reqwest@0.12.23',
];

const DOCKER = 'go:github.com/docker/cli';
/** Every hit, reviewed: where, as what, and whether it is one. A key made for tests is a key. */
const REVIEWED: readonly { readonly hit: string; readonly is: 'one' | 'none' }[] = [
  { hit: 'npm:node-forge README.md:877 secret in a setting', is: 'none' },
  { hit: 'pypi:SQLAlchemy sqlalchemy/dialects/mssql/base.py:554 password in a URL', is: 'none' },
  { hit: 'go:github.com/cli/cli/v2 internal/authflow/flow.go:27 secret in a setting', is: 'one' },
  { hit: `${DOCKER} cli/command/swarm/ca_test.go:31 private key`, is: 'one' },
  { hit: `${DOCKER} cli/command/trust/key_load_test.go:72 private key`, is: 'one' },
  { hit: `${DOCKER} cli/command/trust/key_load_test.go:102 private key`, is: 'one' },
  { hit: `${DOCKER} e2e/context/context_test.go:48 private key`, is: 'one' },
  { hit: `${DOCKER} e2e/image/testdata/notary/delgkey1.key:1 private key`, is: 'one' },
  { hit: `${DOCKER} e2e/image/testdata/notary/delgkey2.key:1 private key`, is: 'one' },
  { hit: `${DOCKER} e2e/image/testdata/notary/delgkey3.key:1 private key`, is: 'one' },
  { hit: `${DOCKER} e2e/image/testdata/notary/delgkey4.key:1 private key`, is: 'one' },
  { hit: `${DOCKER} e2e/image/testdata/notary/localhost.key:1 private key`, is: 'one' },
  { hit: `${DOCKER} e2e/testdata/notary-evil/notary-server.key:1 private key`, is: 'one' },
  { hit: `${DOCKER} e2e/testdata/notary/notary-server.key:1 private key`, is: 'one' },
  { hit: `${DOCKER} internal/oauth/manager/manager_test.go:18 JSON web token`, is: 'one' },
  { hit: 'go:github.com/gin-gonic/gin testdata/certificate/key.pem:1 private key', is: 'one' },
];

describePeer('public code', missingPrograms('npm', 'python3', 'go', 'cargo', 'tar'), () => {
  const hits: string[] = [];
  let bytes = 0;

  beforeAll(async () => {
    const scanner = new SecretScanner([...LIBRARY_RULES, ...OWN_RULES], new ExactValues([]));
    const samples = fileURLToPath(new URL('../samples', import.meta.url));
    const folders: [string, string][] = [['samples', samples]];
    for (const name of PACKAGES) folders.push([name, await publicCode(name)]);
    for (const [name, folder] of folders) {
      for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
        if (!lstatSync(join(folder, path)).isFile()) continue;
        const content = readFileSync(join(folder, path));
        // No text: an archive, a font, a compiled translation.
        if (content.subarray(0, 8192).includes(0)) continue;
        bytes += content.length;
        // Never the value: somebody may run this on code of their own.
        const place = `${name.replace(/@[^@]*$/, '')} ${path.replaceAll('\\', '/').replace(/^package\//, '')}`;
        await scanner.scan([content], ({ kind, line }) => hits.push(`${place}:${line} ${kind}`));
      }
    }
  }, 600_000);

  it('has hardly anything that only looks like a secret, in 60 MB and the samples', () => {
    console.log(`${(bytes / 1e6).toFixed(0)} MB of text, ${hits.length} hits`);
    expect(bytes).toBeGreaterThan(60e6);
    expect(hits).toEqual(REVIEWED.map(({ hit }) => hit));
    expect(REVIEWED.filter(({ is }) => is === 'none').length).toBeLessThanOrEqual(5);
  });
});
