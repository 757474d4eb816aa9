// Builds dist/: one file of each program by esbuild, which starts in less than half the time that its
// modules one by one would take. Types are checked by `npm run types`.

import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, rmSync } from 'node:fs';
import { bundle, filesBeside, forAgent, forNode20, forSimulator } from './bundle.mjs';

rmSync('dist', { recursive: true, force: true });
for (const [from, to] of filesBeside) cpSync(from, `dist/${to}`, { recursive: true });
await bundle('scheduler/main.ts', 'dist/scheduler/bin/punnet-scheduler.cjs', forNode20);
await bundle(
  'scheduler/adapters/journal/snapshot-worker.ts',
  'dist/scheduler/bin/snapshot-worker.cjs',
  forNode20,
);
await bundle(
  'scheduler/adapters/plan/solver-thread.ts',
  'dist/scheduler/bin/solver-thread.cjs',
  forNode20,
);
await bundle('agent/main.ts', 'dist/punnet-agent.cjs', forAgent);
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
// `punnet sim`: the CLI starts it where it is beside it.
const simulator = forSimulator();
await bundle('sim/main.ts', 'dist/sim/bin/punnet-sim.cjs', simulator);
for (const name of ['run-worker', 'run-thread']) {
  await bundle(`sim/commands/${name}.ts`, `dist/sim/bin/${name}.cjs`, simulator);
}
// What benchmarks start: the tests of them would wait for tsx a dozen times.
for (const name of ['light-agents', 'bare-bus', 'placement-process']) {
  await bundle(`benchmarks/${name}.ts`, `dist/benchmarks/${name}.cjs`, {
    ...simulator,
    minify: false,
  });
}
cpSync('sim/scenarios', 'dist/sim/scenarios', { recursive: true });
cpSync('node_modules/highs/build/highs.wasm', 'dist/sim/bin/highs.wasm');
cpSync('tools/launch', 'dist/bin', { recursive: true });
for (const file of ['dist/punnet.cjs', 'dist/scheduler/bin/punnet-scheduler.cjs']) {
  execFileSync(process.execPath, ['tools/keep-code.cjs', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
for (const file of [
  'dist/bin/punnet.cjs',
  'dist/bin/punnet-scheduler.cjs',
  'dist/punnet.cjs',
  'dist/scheduler/bin/punnet-scheduler.cjs',
  'dist/punnet-agent.cjs',
]) {
  chmodSync(file, 0o755);
}
