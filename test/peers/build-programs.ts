import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { missingPrograms } from './peer-programs.ts';

/**
 * A program with nodes of another implementation, built from a folder here and a library from its registry.
 */
interface PeerProgram {
  readonly folder: string;
  readonly tool: string;
  readonly build: readonly string[];
  /** The built program, relative to the folder. */
  readonly file: string;
}

const PROGRAMS = {
  /** Nodes of the Rust crate `mainline`. */
  mainline: { tool: 'cargo', build: ['build', '--release', '--locked'], file: 'target/release/mainline-peer' },
  /** Nodes of the Go module `github.com/anacrolix/dht/v2`. */
  anacrolix: { tool: 'go', build: ['build', '-o', 'target/anacrolix-peer', '.'], file: 'target/anacrolix-peer' },
} as const;

export type PeerProgramName = keyof typeof PROGRAMS;

function programOf(name: PeerProgramName): PeerProgram {
  const { file, ...program } = PROGRAMS[name];
  const folder = fileURLToPath(new URL(name, import.meta.url));
  return { ...program, folder, file: `${folder}/${file}` };
}

/** The path of a built program. */
export const peerProgram = (name: PeerProgramName): string => programOf(name).file;

/** The tools that are missing to build a program. */
export function missingToBuild(name: PeerProgramName): string[] {
  const { tool, file } = programOf(name);
  return existsSync(file) ? [] : [`${tool}, to build test/peers/${name}`];
}

/** Builds the programs whose tools are here, before any test runs (vitest's `globalSetup`). */
export default function buildPrograms(): void {
  for (const name of Object.keys(PROGRAMS) as PeerProgramName[]) {
    const { tool, build, folder } = programOf(name);
    if (missingPrograms(tool).length > 0) continue;
    const { status } = spawnSync(tool, [...build], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) throw new Error(`${tool} could not build test/peers/${name}`);
  }
}
