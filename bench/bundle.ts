import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** A program bundled into one ES module, so that it starts as fast as ours does. */
export interface Bundled {
  readonly path: string;
  remove(): void;
}

export async function bundled(program: URL): Promise<Bundled> {
  const folder = mkdtempSync(join(tmpdir(), 'cclink-bench-'));
  const path = join(folder, 'program.mjs');
  await build({
    entryPoints: [fileURLToPath(program)],
    outfile: path,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    mainFields: ['module', 'main'],
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
