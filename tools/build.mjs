// Builds dist/: the scheduler and CLI by tsc; the agent, and the CLI for a laptop alone, as one file
// each by esbuild.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { bundle, forNode20 } from './bundle.mjs';

rmSync('dist', { recursive: true, force: true });
const compiled = spawnSync('node_modules/.bin/tsc', ['-p', 'tools/tsconfig.build.json'], {
  stdio: 'inherit',
});
if (compiled.status !== 0) process.exit(1);
mkdirSync('dist/proto/gen', { recursive: true });
copyFileSync('proto/gen/descriptors.binpb', 'dist/proto/gen/descriptors.binpb');
cpSync('sim/scenarios', 'dist/sim/scenarios', { recursive: true });
await bundle('agent/main.ts', 'dist/punnet-agent.cjs', {
  minify: true,
  target: 'node18',
  // The agent asks it for the board alone; the rest of it would be two fifths of the bundle.
  alias: { systeminformation: './node_modules/systeminformation/lib/system.js' },
});
/** A file alone has no other beside it: the descriptors go into it. */
const embedDescriptors = {
  name: 'embed-descriptors',
  setup({ onLoad }) {
    onLoad({ filter: /cli\/descriptors\.ts$/ }, ({ path }) => {
      const bytes = readFileSync('proto/gen/descriptors.binpb').toString('base64');
      const source = readFileSync(path, 'utf8');
      const contents = source.replace('readFileSync(file)', `Buffer.from('${bytes}', 'base64')`);
      if (contents === source) throw new Error(`${path}: readFileSync(file) is not there`);
      return { contents, loader: 'ts' };
    });
  },
};
await bundle('scheduler/cli/main.ts', 'dist/punnet.cjs', {
  ...forNode20,
  minify: true,
  plugins: [embedDescriptors],
});
for (const file of [
  'dist/punnet.cjs',
  'dist/scheduler/main.js',
  'dist/scheduler/cli/main.js',
  'dist/punnet-agent.cjs',
]) {
  chmodSync(file, 0o755);
}
