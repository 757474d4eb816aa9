// Builds the packages for Debian, the agent's and the scheduler's, into dist/ or `--to`. The same
// commit gives the same bytes: SOURCE_DATE_EPOCH, or else the commit's time, is the one time in them.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPackage } from './deb/package.mjs';
import { agent, agentBeside, schedulerWith } from './deb/recipes.mjs';

async function main() {
  const { values } = parseArgs({ options: { to: { type: 'string', default: 'dist' } } });
  const seconds = sourceDate();
  const version = `${JSON.parse(readFileSync('package.json', 'utf8')).version}+${stamp(seconds)}`;
  const how = { to: values.to, version, seconds };
  const agentFile = await buildPackage(agent, how);
  // A scheduler hands it to volunteers: the one in its package, or the one of a clone.
  mkdirSync(join(values.to, 'deploy'), { recursive: true });
  cpSync(agentFile, join(values.to, agentBeside));
  const schedulerFile = await buildPackage(schedulerWith(agentFile), how);
  process.stdout.write(`${agentFile}\n${schedulerFile}\n`);
}

function sourceDate() {
  const given = process.env.SOURCE_DATE_EPOCH;
  const words = ['log', '-1', '--format=%ct'];
  const text = given ?? spawnSync('git', words, { encoding: 'utf8' }).stdout;
  if (/^\d+\s*$/.test(text ?? '')) return Number(text);
  process.stderr.write(
    `build-deb: wanted the time of the sources, in seconds; SOURCE_DATE_EPOCH is ${given ?? 'not set, and git does not tell'}: set it.\n`,
  );
  process.exit(1);
}

/** Later commits are newer versions for apt. */
function stamp(seconds) {
  return new Date(seconds * 1000).toISOString().replaceAll(/\D/g, '').slice(0, 12);
}

await main();
