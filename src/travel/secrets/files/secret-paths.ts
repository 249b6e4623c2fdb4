/**
 * Names of files that hold keys or passwords, as programs and habit have them, in lower case. `*` stands for
 * any characters, `+` for at least one.
 */
const NAMES = [
  // Settings with passwords in them. `.env.example` too: people fill it in.
  ...['.env*', '+.env', '.flaskenv', '.dev.vars*', '*.tfvars', '*.tfvars.json', '*.tfstate', '.secrets'],
  ...['secrets.json', 'secrets.yml', 'secrets.yaml', 'secrets.toml', 'secrets.ini', 'local.settings.json'],
  // Keys, and stores of keys.
  ...['*.pem', '+.key', '*.p8', '*.p12', '*.pfx', '*.ppk', '*.jks', '*.jceks', '+.keystore', '*.kdb', '*.kdbx'],
  ...['*.ovpn', 'ssh_host_*_key', 'wallet.dat'],
  // What programs log in with.
  ...['.netrc', '_netrc', '.npmrc', '.pypirc', '.pgpass', 'pgpass.conf', '.my.cnf', '.mylogin.cnf', '.s3cfg', '.boto'],
  ...['.git-credentials', '.htpasswd', '.htdigest', '.dockercfg', '.dockerconfigjson', '.vault-token', '.terraformrc'],
  ...['terraform.rc', '.databrickscfg', 'rclone.conf', 'kubeconfig', '+.kubeconfig'],
  ...['kubeconfig.yml', 'kubeconfig.yaml', 'credentials.json', '.credentials.json', 'credentials.toml', 'kaggle.json'],
  ...['credentials.tfrc.json', 'application_default_credentials.json', 'service-account*.json', '.claude.json'],
  ...['service_account*.json', 'serviceaccount*.json', 'client_secret*.json', '*-firebase-adminsdk-*.json'],
];

/** Folders of which nothing is shown, wherever they are. */
const FOLDERS = [
  ...['.ssh', '.aws', '.gnupg', '.kube', '.docker', '.azure', '.pubky', '.envs', '.secrets', '.password-store', '.oci'],
  ...['.minikube', '.cloudflared', '.fly', '.snowflake', '.dbt', '.ngrok2', '.ibmcloud', 'library/keychains'],
  ...['gcloud', 'gh', 'hub', 'glab-cli', 'doctl', 'op', 'sops', 'rclone', 'ngrok'].map((name) => `.config/${name}`),
  ...['gcloud', 'github cli', 'doctl', 'sops'].map((name) => `appdata/roaming/${name}`),
];

/** Files with ordinary names, in the folders that make them something else. */
const IN_FOLDERS = [
  ...['.cargo/credentials', '.gem/credentials', '.m2/settings.xml', '.m2/settings-security.xml'],
  ...['.gradle/gradle.properties', '.composer/auth.json', '.codex/auth.json', 'containers/auth.json'],
  ...['com.vercel.cli/auth.json', '.streamlit/secrets.toml', '.bundle/config'],
  ...['etc/shadow', 'etc/gshadow', 'etc/shadow-', 'etc/gshadow-', 'proc/+/environ'],
];

/** A private key of ssh: any extension but that of its public half. A picture or a table is not called so. */
const SSH_KEY = /^id_(?:(?:rsa|dsa|ecdsa|ed25519|xmss)(?:[._-].*)?|[\w-]+)$/;
const PUBLIC_KEY = /\.pub$/;

const SECRET_NAME = new RegExp(`^${oneOf(NAMES)}$`);
const SECRET_PLACE = new RegExp(`(?:^|/)(?:${oneOf(FOLDERS)}(?:/|$)|${oneOf(IN_FOLDERS)}$)`);
/** Endings and hidden names, which are nearly all. What begins with one letter is found fast. */
const TELLING = new RegExp(`\\.(?:${tellingParts().map(escaped).join('|')})`, 'i');
const CODE = /(?:^|\.)(?:(?:process|meta)\.env|(?:e|ev|evt|event|item|entry|this|props|node|option|row)\.key)$/i;
/** What is added to the name of a file that is kept beside the newer one. */
const OLDER_COPY = /(?:\.(?:bak|old|orig|save|backup|copy|\d{1,3}))+$|~$/;
/** UTF-16 units. No system opens a longer path; its end is looked at all the same. */
const LONGEST_PATH = 4096;

/**
 * Whether a file is by its path one that holds keys or passwords. `path` may be of any system, relative, a
 * `file:` URL, a pattern, or a folder of such files; only its ASCII letters count.
 */
export function isSecretPath(path: string): boolean {
  const plain = path
    .slice(-LONGEST_PATH)
    .trim()
    .toLowerCase()
    .replace(/[\\/]+/g, '/')
    .replace(/[/*]+$/, '');
  const name = plain.slice(plain.lastIndexOf('/') + 1).replace(OLDER_COPY, '');
  return SECRET_NAME.test(name) || (SSH_KEY.test(name) && !PUBLIC_KEY.test(name)) || SECRET_PLACE.test(plain);
}

/** Whether a word that `isSecretPath` takes for a path is a piece of a program far more often. */
export function isCode(word: string): boolean {
  return CODE.test(word);
}

/** Whether such a path may stand in `text`. Overlooks a few that have no dot in their names. */
export function mayNameSecretPath(text: string): boolean {
  return TELLING.test(text) || /id_/i.test(text);
}

/** Of each pattern what stands behind its first dot, as far as it is the same in all. */
function tellingParts(): string[] {
  const parts = [...NAMES, ...FOLDERS, ...IN_FOLDERS].flatMap((each) => /\.([^*+/]+)/.exec(each)?.[1] ?? []);
  return [...new Set(parts)];
}

function oneOf(patterns: readonly string[]): string {
  const sources = patterns.map((pattern) => escaped(pattern).replaceAll('*', '[^/]*').replaceAll('+', '[^/]+'));
  return `(?:${sources.join('|')})`;
}

function escaped(pattern: string): string {
  return pattern.replaceAll('.', '\\.');
}
