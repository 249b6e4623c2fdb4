import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { knownValues, valuesOfEnvText } from '../../../../src/travel/secrets/scan/known-values.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const nothing = { variables: {}, directory: null, gitRoot: null };
const ofVariables = (variables: Record<string, string>) =>
  knownValues({ ...nothing, variables }).map(({ value }) => value);
const ofText = (text: string) => valuesOfEnvText(text, null);

/** A made-up value: no scanner may take it for one that leaked. */
const made = (seed: string) => `${seed}-Xy7`.repeat(2);

describe('knownValues', () => {
  it.each(['API_KEY', 'github_token', 'ClientSecret', 'PGPASSWORD', 'BASIC_AUTH', 'AUTHORIZATION', 'AWS_CREDS'])(
    'takes the value of a variable that is called %s',
    (name) => {
      expect(ofVariables({ [name]: made('abc') })).toContain(made('abc'));
    },
  );

  it.each(['HOME', 'PATH', 'LANG', 'GIT_AUTHOR_EMAIL', 'GIT_AUTHOR_NAME'])('leaves one that is called %s', (name) => {
    expect(ofVariables({ [name]: made('abc') })).toEqual([]);
  });

  it('takes none that is short, says where something is, or names a model', () => {
    const folder = temporaryFolder();
    const paths = { SSH_AUTH_SOCK: folder, KEY_FILE: '/run/user/1000/keys', KEY_URL: 'https://vault.example.com/' };
    expect(ofVariables({ ...paths, A_TOKEN: 'elevenchars', AUTH_MODEL: 'claude-opus-5-5' })).toEqual([]);
    const secret = { A_TOKEN: 'twelve-chars', KEY_URL: 'https://hooks.example.com/a/b' };
    expect(ofVariables(secret)).toEqual(expect.arrayContaining(Object.values(secret)));
    expect(ofText(`ANTHROPIC_MODEL=gpt-4o-2024-08-06\nA=us.anthropic.claude-opus-5-5-v1:0`)).toEqual([]);
  });

  it('knows a value in the forms in which it is written elsewhere', () => {
    const value = `${made('a/b')}+ =`;
    const forms = ofVariables({ A_KEY: value });
    expect(forms).toContain(value);
    expect(forms).toContain(encodeURIComponent(value));
    expect(forms).toContain(Buffer.from(value).toString('base64').replace(/=+$/, ''));
    const password = made('p@ss');
    const inUrl = ofVariables({ A_SECRET: `postgres://me:${encodeURIComponent(password)}@db.example.com/x` });
    expect(inUrl).toEqual(expect.arrayContaining([password, encodeURIComponent(password)]));
  });

  it('knows how shells and other languages write a value, and base64 in which more follows', () => {
    const value = "it's (a) *key*! of 鍵/~";
    const forms = ofVariables({ A_KEY: value });
    for (const quote of ["'\\''", `'"'"'`]) expect(forms).toContain(value.replace("'", quote));
    // As by urllib.parse.quote, quote_plus and curl, URLSearchParams, encodeURI, and .NET.
    for (const form of [
      'it%27s%20%28a%29%20%2Akey%2A%21%20of%20%E9%8D%B5/~',
      'it%27s%20%28a%29%20%2Akey%2A%21%20of%20%E9%8D%B5%2F~',
      'it%27s+%28a%29+*key*%21+of+%E9%8D%B5%2F%7E',
      "it's%20(a)%20*key*!%20of%20%E9%8D%B5/~",
      "it's%20(a)%20*key*!%20of%20%e9%8d%b5%2f~",
    ])
      expect(forms).toContain(form);
    for (const coding of ['base64', 'base64url'] as const)
      for (const more of ['', '\n', 'x', '?>'])
        expect(
          forms.some(
            (form) =>
              form.length > 30 &&
              Buffer.from(value + more)
                .toString(coding)
                .startsWith(form),
          ),
        ).toBe(true);
  });

  it('takes a value whose lines are all short, or that only seems to have lines', () => {
    const words = ['legal', 'winner', 'thank', 'year'].join('\n');
    expect(ofVariables({ A_SECRET: words })).toContain(words);
    expect(ofVariables({ A_PASS: 'pa$$w0rd-9x\\n!!' })).toContain('pa$$w0rd-9x\\n!!');
    expect(ofVariables({ A_KEY: `${'line\n'.repeat(20_000)}` })).not.toContain('line\n'.repeat(20_000).trim());
  });

  it('takes each line of a value that has several, but not its frame', () => {
    const lines = ['-----BEGIN PRIVATE KEY-----', made('one'), 'short', made('two'), '-----END PRIVATE KEY-----'];
    for (const end of ['\n', '\r\n', '\\n']) {
      const forms = ofVariables({ A_KEY: lines.join(end) });
      expect(forms).toEqual(expect.arrayContaining([made('one'), made('two')]));
      expect(forms.filter((form) => form.startsWith('-----') || form === 'short')).toEqual([]);
    }
  });

  it('takes what the .env files of the directory and of its repository set, whatever it is called', () => {
    const gitRoot = temporaryFolder();
    const directory = join(gitRoot, 'packages', 'api');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(gitRoot, '.env'), `A=${made('root')}\nexport B="${made('quoted')}" # and why\n`);
    writeFileSync(join(directory, '.env.local'), `C='${made('local')}'\nD=./here.sqlite\nPORT=3000\n`);
    writeFileSync(join(directory, 'here.sqlite'), '');
    writeFileSync(join(directory, 'env'), `E=${made('none')}`);
    mkdirSync(join(directory, '.env.d'));
    const known = knownValues({ ...nothing, directory, gitRoot });
    const values = known.map(({ value }) => value);
    expect(values).toEqual(expect.arrayContaining([made('root'), made('quoted'), made('local')]));
    expect(values.join()).not.toMatch(/none|sqlite|3000/);
    expect(new Set(known.map(({ kind }) => kind))).toEqual(new Set(['value from a .env file']));
  });

  it('tells a value once, by the variable that holds it', () => {
    const directory = temporaryFolder();
    writeFileSync(join(directory, '.env'), `A=${made('same')}`);
    const known = knownValues({ variables: { MY_KEY: made('same') }, directory, gitRoot: directory });
    expect(known.filter(({ value }) => value === made('same'))).toEqual([
      { kind: 'value of an environment variable', value: made('same') },
    ]);
  });

  it.skipIf(process.platform === 'win32')('waits for no pipe, and follows a link to a file', () => {
    const directory = temporaryFolder();
    writeFileSync(join(directory, 'shared'), `A=${made('linked')}`);
    symlinkSync('shared', join(directory, '.env'));
    execFileSync('mkfifo', [join(directory, '.env.pipe')]);
    symlinkSync('nowhere', join(directory, '.env.gone'));
    writeFileSync(join(directory, '.env.large'), `B=${'x'.repeat(1024 * 1024)}`);
    const values = knownValues({ ...nothing, directory }).map(({ value }) => value);
    expect(values).toContain(made('linked'));
    expect(values.join()).not.toContain('xxx');
  });

  it('knows a value in HTML, and in base64 wherever it stands in there', () => {
    const value = made('a"b<&>c');
    const forms = ofVariables({ A_KEY: value });
    for (const form of ['a"b&lt;&amp;&gt;c', 'a&quot;b&lt;&amp;&gt;c']) expect(forms).toContain(made(form));
    for (const coding of ['base64', 'base64url'] as const)
      for (const before of ['', 'K', 'K=', 'KEY=']) {
        const coded = Buffer.from(`${before}${value}\n`).toString(coding);
        expect(
          forms.some((form) => form.length > 20 && coded.includes(form)),
          before,
        ).toBe(true);
      }
  });

  it.each(['session.jsonl', 'tool-results', 'file-history'])('takes none that names files of sessions: %s', (name) => {
    expect(ofVariables({ A_TOKEN: name })).not.toContain(name);
  });

  it('takes none that everybody sees in the path of the project', () => {
    const directory = join(temporaryFolder(), 'a-project-of-mine');
    mkdirSync(directory);
    writeFileSync(join(directory, '.env'), `COMPOSE_PROJECT_NAME=a-project-of-mine\nA=${made('abc')}`);
    const shown = ['project-of-mine', 'another-project'].map((value) => ({ kind: 'shown', value }));
    const known = knownValues({ ...nothing, directory, shown }).map(({ value }) => value);
    expect(known).not.toContain('project-of-mine');
    expect(known).toContain('another-project');
    const values = knownValues({ ...nothing, directory, gitRoot: directory }).map(({ value }) => value);
    expect(values).toContain(made('abc'));
    expect(values).not.toContain('a-project-of-mine');
  });

  it('takes a directory that is gone for one without such files', () => {
    expect(knownValues({ ...nothing, directory: join(temporaryFolder(), 'gone') })).toEqual([]);
  });
});
