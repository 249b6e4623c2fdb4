import { LEFT_OUT } from '../left-out.ts';
import { isSecretPath } from './secret-paths.ts';

const [START, END] = ['<ide_selection>', '</ide_selection>'];
/** UTF-16 units of the line that names the file. */
const LONGEST_HEAD = 4400;
/** `<ide_selection>The user selected the lines 1 to 2 from /home/alice/.env:` */
const HEAD = /^<ide_selection>[^<]{0,200}?\bfrom (?<path>.+):\r?$/;

/** What Claude Code tells of what is selected in an editor, without what is of a file of secrets. */
export function withoutSecretSelections(text: string): string {
  const kept: string[] = [];
  let keptTo = 0;
  let lineEnd = -1;
  for (let start = text.indexOf(START); start !== -1; start = text.indexOf(START, Math.max(start + 1, keptTo))) {
    if (lineEnd < start) lineEnd = text.indexOf('\n', start);
    if (lineEnd === -1) break;
    const head = text.slice(start, Math.min(lineEnd, start + LONGEST_HEAD));
    // Only then, for the pattern would try each place of the line.
    const path = /:\r?$/.test(head.slice(-2)) ? HEAD.exec(head)?.groups?.['path'] : undefined;
    if (path === undefined || !isSecretPath(path)) continue;
    const end = text.indexOf(END, lineEnd);
    kept.push(text.slice(keptTo, lineEnd + 1), LEFT_OUT);
    keptTo = end === -1 ? text.length : end;
  }
  return kept.join('') + text.slice(keptTo);
}
