// Which simulator made a report.

import { spawnSync } from 'node:child_process';
import process from 'node:process';

/**
 * The commit, with "-dirty" when files were changed since. A program that was built has it in it
 * (tools/bundle.mjs); sources ask git.
 */
export function commitText(): string {
  const built = process.env['PUNNET_COMMIT'];
  if (built !== undefined) return built;
  const where = { cwd: import.meta.dirname, encoding: 'utf8' } as const;
  const ran = spawnSync('npm', ['run', '--silent', 'commit'], where);
  return ran.status === 0 ? ran.stdout.trim() : 'unknown: not a git clone';
}
