import { describe, expect, it } from 'vitest';
import { secretCommand } from '../../../../src/travel/secrets/files/secret-commands.ts';
import { isSecretPath } from '../../../../src/travel/secrets/files/secret-paths.ts';

const look = (command: string) => secretCommand(command, isSecretPath);
const LEFT = '[left out by cclink: shows a file of secrets]';

const SECRET = [
  ...['bash -c "openssl rsa -in server.key"', 'python3 -c "open(\'server.key\')"', 'x=$(<tls.key)'],
  ...[
    'cat .env',
    'cat ".env"',
    "cat './.env'",
    'cat ./.e\\nv',
    'cat < .env',
    'cat<.env',
    'cat .env|sort',
    'FOO=1 cat .env',
  ],
  ...[
    'cd api && cat .env.local',
    'ls; cat .env',
    'true || cat .env',
    '(cat .env)',
    'echo $(cat .env)',
    'echo "$(cat .env)"',
  ],
  ...['echo `cat .env`', 'f=.env; cat $f', 'for f in .env*; do cat $f; done', 'cat .env{,.local}', 'cat {a,.env}'],
  ...[
    'bash -c "cat .env"',
    "ssh host 'cat /srv/.env'",
    'sudo cat /etc/shadow',
    'cat ~/.ssh/id_ed25519',
    'cat $HOME/.aws/credentials',
  ],
  ...[
    'cd ~/.ssh && cat config',
    'grep KEY .env',
    'grep -e KEY .env',
    'grep --regexp=KEY .env',
    'rg -n KEY -g .env .',
    'awk 1 .env',
  ],
  ...[
    "node -e \"console.log(require('fs').readFileSync('.env','utf8'))\"",
    'node --env-file=.env server.js',
    'source .env',
  ],
  ...[
    'git show HEAD:.env',
    'git diff .env',
    'git -C x log -p -- .env',
    'docker compose --env-file .env config',
    'openssl rsa -in server.key',
  ],
  ...[
    'type C:\\proj\\.env',
    'Get-Content "C:\\proj\\.env"',
    'cat C:/Users/a/.ssh/id_rsa',
    'ls .env | xargs cat',
    'cat $(ls .env*)',
  ],
  ...[
    'cat .env # the file',
    'find . -name .env -exec cat {} \\;',
    'tail -f prod.env',
    'base64 -w0 cert.pem',
    'cat id_rsa',
    'cat /proc/1/environ',
  ],
  ...["python3 - <<'X'\nprint(open('.env').read())\nX", 'bash <<X\ncat .env\nX', 'ssh -i key.txt host cat .env'],
  ...[
    'echo A=b > .env',
    'echo A=b >> .env',
    'cat > .env <<X\nA=b\nX',
    'tee .env <<< A=b',
    'cp .env x',
    'git show "HEAD:api/.env"',
  ],
];

const ORDINARY = [
  ...['node -e "xs.map((x) => [x.key, f(y.key)])"', 'python3 -c "print(a.key)"'],
  ...['', ' ', 'ls', 'ls -la', 'cat notes.txt', 'npm test', 'cat environment.ts', 'printenv', 'cat .envoy/x.yaml'],
  ...[
    'ls -la .env',
    'rm -f .env',
    'touch .env',
    'chmod 600 ~/.ssh/id_rsa',
    '[ -f .env ] && echo yes',
    'echo "put it into .env"',
  ],
  ...[
    'git add .env.example',
    'git status --short .env',
    'git rm --cached .env',
    'git commit -m "$(cat <<X\nIgnore .env\nX\n)"',
  ],
  ...[
    'grep -rn process.env src',
    'grep -rn ".env" src',
    "grep -n '\\.env' .gitignore",
    'rg "event.key" src',
    "jq '.a.key' x.json",
  ],
  ...[
    'node -e "console.log(process.env.HOME, e.key)"',
    'ssh -i ~/.ssh/id_rsa host uptime',
    'scp -i ~/.ssh/work.pem a host:b',
  ],
  ...[
    "cat > deploy.sh <<'X'\nsource .env\nX",
    'psql -c "select id_user from t"',
    '# cat .env',
    'cat x # not .env',
    'cat id_rsa.pub',
  ],
];

describe('secretCommand', () => {
  it.each(SECRET)('sees that %j shows or writes a file of secrets', (command) => {
    expect(look(command)).not.toBeNull();
  });

  it.each(ORDINARY)('sees that %j shows none', (command) => {
    expect(look(command)).toBeNull();
  });

  it.each([
    ['cat .env', 'cat .env'],
    ['grep "API_KEY=x" .env', 'grep "API_KEY=x" .env'],
    ['echo "A=b c" > .env', `echo ${LEFT} > .env`],
    ['echo A=b >> .env && npm run dev --x=y', `echo ${LEFT} >> .env && npm run dev --x=y`],
    ['printf "%s\\n" A=b C=d > .env; ls', `printf ${LEFT} > .env; ls`],
    ['echo "A=b" | sudo tee -a .env', `echo ${LEFT} | sudo ${LEFT} -a .env`],
    ["sed -i 's/^A=.*/A=b/' .env", `sed -i ${LEFT} .env`],
    ["cat > .env <<'X'\nA=b\nC=d\nX\nls -l", `cat > .env <<'X'\n${LEFT}\nX\nls -l`],
    ['cat <<-X >.env\n\tA=b\n\tX', `cat <<-X >.env\n${LEFT}\n\tX`],
    ['cat > .env <<X\nA=b', `cat > .env <<X\n${LEFT}`],
    ['tee .env <<< "A=b"', `tee .env <<< ${LEFT}`],
    [`python3 -c "open('.env','w').write('A=b')"`, `python3 -c ${LEFT}`],
    ["Set-Content .env 'A=b'", `Set-Content .env ${LEFT}`],
    ['cat > .env <<X\nX', 'cat > .env <<X\nX'],
  ])('takes out of %j what it writes', (command, expected) => {
    expect(look(command)?.text).toBe(expected);
  });

  it('reads anything in a time that grows with its length', () => {
    const started = performance.now();
    for (const part of [
      'a',
      ' ',
      '"',
      "'",
      '\\',
      '$(',
      '`',
      '<<X\n',
      '|',
      'a=',
      '.env ',
      '-',
      '((',
      '>.env;',
      '.env<<X;',
    ]) {
      look(part.repeat(20_000));
      look(`cat .env ${part.repeat(20_000)}`);
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
