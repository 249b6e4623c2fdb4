// Bundles src/ into dist/: one small entry and a chunk per command, so that each loads only what it uses.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { digestOfSources, STAMP } from './sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * What the files of src/ that are loaded later have in common: all of them; those that use the network or
 * read sessions; those that move one.
 */
const OF_COMMANDS = ['program.ts', 'commands/secrets.ts', 'terminal/handoff-view.ts'];
const OF_THE_NETWORK = ['commands/subject.ts', 'handoff/pickup.ts', 'claude/sessions-here.ts'];
const OF_TRAVEL = ['travel/arriving/import.ts', 'travel/leaving/export.ts', 'travel/bundle/bundle-reader.ts'];
/**
 * What age's library uses only for recipients that cclink has none of (`age1pq1…`, `age1tag1…`), by module.
 * Making it ready would take longer than to open a sealed file.
 */
const UNUSED = {
  '@noble/post-quantum/hybrid.js': ['MLKEM768P256', 'MLKEM768X25519'],
  '@noble/curves/nist.js': ['p256'],
};

// Before anything is read: what changes during the build is built again.
const digest = digestOfSources();
rmSync(join(root, 'dist'), { recursive: true, force: true });
/** Leaves out what is unused: whoever used it all the same would fail. */
const withoutUnused = {
  name: 'without-unused',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@noble\// }, ({ path }) =>
      Object.hasOwn(UNUSED, path) ? { path, namespace: 'unused', sideEffects: false } : undefined,
    );
    onLoad({ filter: /./, namespace: 'unused' }, ({ path }) => ({
      contents: `export const ${UNUSED[path].map((name) => `${name} = undefined`).join(', ')};`,
    }));
  },
};
const options = {
  absWorkingDir: root,
  entryPoints: { main: 'src/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Prefer ES modules where a package has both: the bundle then gets only what is used of them.
  mainFields: ['module', 'main'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  define: { CCLINK_VERSION: JSON.stringify(version) },
  // CommonJS dependencies load Node's own modules with require().
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
};
const { metafile: unmerged } = await build({ ...options, write: false, plugins: [withoutUnused] });
const plugins = [withoutUnused, withCommonImports(loadedLater(unmerged))];
const { metafile } = await build({ ...options, plugins });
writeFileSync(join(root, 'dist/THIRD-PARTY-LICENSES.txt'), licencesOf(Object.keys(metafile.inputs)));
writeFileSync(join(root, 'dist/answers.json'), JSON.stringify(fixedAnswers()));
execFileSync(process.execPath, ['--import', 'tsx', 'scripts/man-page.ts'], { cwd: root, stdio: 'inherit' });
// Written last, so that an interrupted build leaves no stamp.
writeFileSync(STAMP, digest);

/** The files of src/ that are loaded only when they are needed, each with what it is to import besides. */
function loadedLater({ inputs }) {
  const imports = Object.values(inputs).flatMap((input) => input.imports);
  const later = imports.filter(({ kind, path }) => kind === 'dynamic-import' && path.startsWith('src/'));
  const reachedFrom = (path, reached = new Set()) => {
    if (reached.has(path) || inputs[path] === undefined) return reached;
    reached.add(path);
    for (const it of inputs[path].imports) if (it.kind !== 'dynamic-import') reachedFrom(it.path, reached);
    return reached;
  };
  const shared = (path) => {
    const reached = [...reachedFrom(path)];
    const reaches = (pattern) => reached.some((it) => pattern.test(it));
    return [
      ...OF_COMMANDS,
      ...(reaches(/^src\/(dht|travel|claude\/session\.ts)/) ? OF_THE_NETWORK : []),
      ...(reaches(/^src\/travel\/(transcript\/transcript-filter|bundle\/manifest)\.ts$/) ? OF_TRAVEL : []),
    ];
  };
  return new Map(later.map(({ path }) => [join(root, path), shared(path)]));
}

/**
 * Makes the files that are loaded later import what others load too. Else esbuild cuts that into a chunk for
 * each set of files that uses a part of it, and every command starts by reading two dozen of them. Resolving
 * the imports between those takes longer than reading some lines too many.
 */
function withCommonImports(later) {
  return {
    name: 'with-common-imports',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const added = later.get(path)?.map((file) => `\nimport ${JSON.stringify(join(root, 'src', file))};`);
        return added && { contents: `${readFileSync(path, 'utf8')}${added.join('')}\n`, loader: 'ts' };
      });
    },
  };
}

/**
 * What the program prints for these commands, by their words, one per line: bin/cclink.cjs then need not load
 * it.
 */
function fixedAnswers() {
  const { CLAUDECODE: _, ...env } = { ...process.env, NO_COLOR: '1' };
  const ask = (words) =>
    execFileSync(process.execPath, [join(root, 'dist/main.js'), ...words], { env, encoding: 'utf8' });
  const options = ['--version', '-V', '--help', '-h'].map((option) => [option]);
  const scripts = ['bash', 'zsh', 'fish'].map((shell) => ['completion', shell]);
  const [, listed = ''] = ask(['--help']).split('\nCommands:\n');
  const commands = [...listed.split('\n\n')[0].matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
  const helps = commands
    .filter((name) => name !== 'help')
    .flatMap((name) => [
      [name, '--help'],
      [name, '-h'],
    ]);
  return Object.fromEntries([...options, ...scripts, ...helps].map((words) => [words.join('\n'), ask(words)]));
}

/** The licence of every package in the bundle: most licences require that their text is included. */
function licencesOf(inputs) {
  const notices = new Map();
  for (const input of inputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match === null) continue;
    const folder = join(root, match[1]);
    notices.set(folder, new Set([...(notices.get(folder) ?? []), ...noticesIn(join(root, input))]));
  }
  const parts = [...notices.keys()].sort().map((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const names = [
      'LICENSE',
      'LICENSE.md',
      'LICENSE.txt',
      'LICENCE',
      'license',
      'License',
      'LICENSE-MIT',
      'LICENSE.MIT',
    ];
    const text = names.flatMap((name) => readIfThere(join(folder, name)))[0];
    return [
      `${manifest.name} ${manifest.version} (${manifest.license})`,
      text ?? 'The package ships no licence text.',
      ...notices.get(folder),
    ].join('\n\n');
  });
  return `${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

/** What a file says of copies of others in it: comments with a copyright of their own. */
function noticesIn(path) {
  const comments = readFileSync(path, 'utf8').match(/\/\*\*(?:[^*]|\*(?!\/))*\*\//g) ?? [];
  return comments
    .filter((comment) => /^ \* Copyright /m.test(comment))
    .map((comment) => comment.replace(/^\/\*\*\n|\n \*\/$|^ \* ?/gm, '').trim());
}

function readIfThere(path) {
  try {
    return [readFileSync(path, 'utf8').trim()];
  } catch {
    return [];
  }
}
