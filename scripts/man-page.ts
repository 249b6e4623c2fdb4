// Writes the man page, dist/cclink.1 (roff, man macros). Commands and options come from where the help has
// them from, exit codes, variables and files from the README's tables: nothing is said here a second time.
//
//   tsx scripts/man-page.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Declaration, type OptionDeclaration, optionsOf } from '../src/commands/declaration.ts';
import { COMMAND_NAMES, COMMANDS } from '../src/commands/table.ts';
import { DESCRIPTION, EXAMPLES } from '../src/program.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = read('README.md');
const { version, homepage } = JSON.parse(read('package.json')) as { version: string; homepage: string };

/** Text as roff shows it, in the typewriter's own characters: what is copied must be what was meant. */
function roff(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/'/g, '\\(aq')
    .replace(/`/g, '\\(ga')
    .replace(/\^/g, '\\(ha')
    .replace(/~/g, '\\(ti')
    .replace(
      /[^\n -~]/gu,
      (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/^\./gm, '\\&.');
}

/** Lines of at most 80 characters. */
function filled(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trimStart();
    if (longer.length <= 80) lines[lines.length - 1] = longer;
    else lines.push(word.replace(/^\./, '\\&.'));
  }
  return lines.join('\n');
}

/** A text of the README: code in bold, links as their words. */
function fromMarkdown(text: string): string {
  return text
    .replace(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replace(/\\\|/g, '|')
    .split(/`([^`]+)`/)
    .map((part, i) => (i % 2 === 1 ? bold(part) : roff(part)))
    .join('');
}

const bold = (text: string) => `\\fB${roff(text)}\\fR`;
/** Lines as they stand. */
const asIs = (text: string) => `.nf\n${roff(text.replace(/^\n+|\n+$/g, ''))}\n.fi`;
const tagged = (tag: string, text: string) => `.TP\n${tag}\n${filled(text)}`;

/**
 * What the help says below its options: words are filled anew, as a page is indented and may be narrow; a
 * table of commands becomes tagged paragraphs; other indented lines are lines to copy.
 */
function notes(text: string): string {
  return text
    .trim()
    .split(/\n\n|\n(?= )|(?<=^ .*)\n/m)
    .map((block) => {
      const [, command, meaning] = /^ {2}(\S+(?: \S+)*) {2,}(.*)$/.exec(block) ?? [];
      if (command !== undefined && meaning !== undefined) return tagged(bold(command), roff(meaning));
      return block.startsWith('  ') ? asIs(block) : `.PP\n${filled(roff(block.replaceAll('\n', ' ')))}`;
    })
    .join('\n');
}

/** The rows of the README's table below a heading, without its head. */
function tableBelow(heading: string): string[][] {
  const [, section = ''] = readme.split(`\n${heading}\n`);
  const rows = (section.split(/\n#/)[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  if (rows.length < 3) throw new Error(`README.md has no table below "${heading}".`);
  return rows.slice(2).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function option({ flags, description, default: value }: OptionDeclaration): string {
  const names = flags
    .replace(/ ?<.*>/, '')
    .split(', ')
    .map(bold)
    .join(', ');
  const [, argument] = /<(.*)>/.exec(flags) ?? [];
  const tag = argument === undefined ? names : `${names} \\fI${roff(argument)}\\fR`;
  return tagged(tag, roff(value === undefined ? description : `${description} (default: ${value})`));
}

function commandSection(name: string, declaration: Declaration): string {
  const { argument, summary, help, claudeOptions } = declaration;
  const title = ['cclink', name, argument, claudeOptions ? '[-- claude-options...]' : ''].filter(Boolean).join(' ');
  return [
    `.SS "${roff(title)}"`,
    filled(`${roff(summary.charAt(0).toUpperCase() + summary.slice(1))}.`),
    ...optionsOf(declaration).map(option),
    ...(help === undefined ? [] : [notes(help)]),
  ].join('\n');
}

const commands = await Promise.all(
  COMMAND_NAMES.map(async (name) => commandSection(name, (await COMMANDS[name]()).command)),
);
// While a version is not released, its page has no date.
const [, date = ''] =
  /^## [^\n]*\((\d{4}-\d\d-\d\d)\)/m.exec(read('CHANGELOG.md').split('\n## ', 2).join('\n## ')) ?? [];

const page = `.TH CCLINK 1 "${date}" "cclink ${roff(version)}"
.SH NAME
cclink \\- hand a Claude Code session from one machine to another
.SH SYNOPSIS
.B cclink
[\\fIsession\\-id\\fR] [\\fIoptions\\fR]
.br
.B cclink
.I command
[\\fIoptions\\fR]
.SH DESCRIPTION
${filled(roff(DESCRIPTION))}
.PP
Every command has \\fB\\-\\-help\\fR.
.SH EXAMPLES
${notes(EXAMPLES).replace(/^\.PP\n/, '')}
.SH COMMANDS
${commands.join('\n')}
.SH EXIT STATUS
${tableBelow('### Exit codes')
  .map(([code = '', name = '', when = '']) => tagged(bold(code), fromMarkdown(name === '' ? when : `${name}: ${when}`)))
  .join('\n')}
.SH ENVIRONMENT
${tableBelow('### Environment')
  .map(([name = '', meaning = '']) => tagged(fromMarkdown(name), fromMarkdown(meaning)))
  .join('\n')}
.SH FILES
${tableBelow('### Files')
  .map(([path = '', what = '']) => tagged(fromMarkdown(path), fromMarkdown(what)))
  .join('\n')}
.SH SEE ALSO
.BR age (1),
.BR ssh (1),
and
.UR ${homepage}
the manual
.UE .
`;
writeFileSync(join(root, 'dist/cclink.1'), page);
