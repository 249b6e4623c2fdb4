import type { Stats } from 'node:fs';

/** What the group and others may do with a file. An access list (ACL) shows in the group's bits. */
const OF_OTHERS = 0o077;

/** True if anybody but the owner may do anything with a file or folder. Windows can't tell: false. */
export function isOpenToOthers({ mode }: Stats): boolean {
  return process.platform !== 'win32' && (mode & OF_OTHERS) !== 0;
}

/** The permissions of a file or folder as chmod(1) takes them: `0600`. */
export function octalMode({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
