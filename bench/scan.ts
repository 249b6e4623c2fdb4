import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { peakOf } from './peak-memory.ts';

const CHILD = fileURLToPath(new URL('scan-child.ts', import.meta.url));

/** The scan of a transcript for secrets, alone, as a program of its own that is built as cclink is. */
export class ScanProgram {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cclink-bench-'));
  readonly #file = join(this.#folder, 'scan.mjs');

  async build(): Promise<void> {
    const options = {
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      logLevel: 'warning',
    } as const;
    const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
    await build({ ...options, entryPoints: [CHILD], outfile: this.#file, banner: { js: banner } });
  }

  /** Resolves to how long the scan took, without the start of its process, and to its peak memory in MB. */
  async run(transcript: string): Promise<{ milliseconds: number; megabytes: number }> {
    const { stdout, megabytes } = await peakOf({ file: process.execPath, args: [this.#file, transcript], env: {} });
    return { milliseconds: Number(stdout), megabytes };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
