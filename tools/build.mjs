// Builds dist/: the scheduler and CLI by tsc, the agent as one file by esbuild.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
const compiled = spawnSync('node_modules/.bin/tsc', ['-p', 'tools/tsconfig.build.json'], {
  stdio: 'inherit',
});
if (compiled.status !== 0) process.exit(1);
mkdirSync('dist/proto/gen', { recursive: true });
copyFileSync('proto/gen/descriptors.binpb', 'dist/proto/gen/descriptors.binpb');
await build({
  entryPoints: ['agent/main.ts'],
  outfile: 'dist/punnet-agent.cjs',
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node18',
  format: 'cjs',
  // The agent asks it for the board alone; the rest of it would be two fifths of the bundle.
  alias: { systeminformation: './node_modules/systeminformation/lib/system.js' },
  logLevel: 'warning',
});
for (const file of [
  'dist/scheduler/main.js',
  'dist/scheduler/cli/main.js',
  'dist/punnet-agent.cjs',
]) {
  chmodSync(file, 0o755);
}
