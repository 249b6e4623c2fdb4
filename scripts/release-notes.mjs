// Prints what CHANGELOG.md says of the version that a tag names. Fails where that, package.json,
// package-lock.json and CHANGELOG.md do not agree.
//
//   node scripts/release-notes.mjs v1.2.3
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const read = (path) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');
const { version } = JSON.parse(read('package.json'));
const [tag = ''] = process.argv.slice(2);

function fail(what) {
  console.error(`${what}\nNothing was released. RELEASING.md says how a release is made.`);
  process.exit(1);
}

if (tag !== `v${version}`) fail(`The tag is ${tag || 'missing'}, and package.json has version ${version}.`);
// npm would give a pre-release to everybody who names no version.
if (!/^\d+\.\d+\.\d+$/.test(version)) fail(`${version} is a pre-release, which the release workflow does not know.`);
if (JSON.parse(read('package-lock.json')).version !== version)
  fail('package-lock.json has another version: npm install');

// From the heading of this version to the next heading.
const [, ...sections] = `\n${read('CHANGELOG.md')}`.split(/\n## /);
const section = sections.find((text) => text.startsWith(`${version} `)) ?? '';
const [heading = '', ...lines] = section.split('\n');
const notes = lines.join('\n').trim();
if (!/^\S+ \(\d{4}-\d\d-\d\d\)$/.test(heading)) {
  fail(`CHANGELOG.md has no heading "## ${version} (year-month-day)".`);
}
if (notes === '') fail(`CHANGELOG.md says nothing of ${version}.`);
console.log(notes);
