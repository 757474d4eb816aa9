// Which simulator made a report.

import { spawnSync } from 'node:child_process';
import process from 'node:process';

/**
 * The commit, with "-dirty" when files were changed since. A program that was built has it in it
 * (tools/build.mjs); sources ask git.
 */
export function commitText(): string {
  const built = process.env['PUNNET_COMMIT'];
  if (built !== undefined) return built;
  const words = ['describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'];
  const ran = spawnSync('git', ['-C', import.meta.dirname, ...words], { encoding: 'utf8' });
  return ran.status === 0 ? ran.stdout.trim() : 'unknown: not a git clone';
}
