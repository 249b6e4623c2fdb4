/** Whether a file, of whatever system, is by its path one that holds keys or passwords. */
export function isSecretPath(path: string): boolean {
  return /(?:^|[\\/])\.env/i.test(path);
}
