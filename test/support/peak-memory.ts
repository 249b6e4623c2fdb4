import { readFileSync } from 'node:fs';

/**
 * On exit, writes the peak resident memory in kB to a file. On Linux this is VmHWM, which starts anew with
 * each program; the maximum of getrusage starts with what the parent held.
 */
const RECORD_PEAK = `data:text/javascript,${encodeURIComponent(`
import { readFileSync, writeFileSync } from 'node:fs';
process.on('exit', () => {
  let peak = process.resourceUsage().maxRSS;
  try { peak = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]; } catch {}
  writeFileSync(process.env.CCLINK_PEAK_FILE, String(peak));
});`)}`;

/** Variables for a program of Node, which then leaves its peak memory in `file`. */
export function recordingPeak(file: string): Record<string, string> {
  return { NODE_OPTIONS: `--import ${RECORD_PEAK}`, CCLINK_PEAK_FILE: file };
}

/** What is in such a file, in MB of 10^6 bytes. */
export function peakIn(file: string): number {
  return (Number(readFileSync(file, 'utf8')) * 1024) / 1e6;
}
