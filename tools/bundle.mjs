// One file of a program and all that it imports, by esbuild. CommonJS, so that its first lines run
// before anything that an older Node lacks is asked for.

import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

/** For programs that run on Node 20.15 (zlib's crc32), and tell an older one so. */
export const forNode20 = {
  target: 'node20',
  // Its ES module looks for its WebAssembly where the bundle was made.
  alias: { highs: './node_modules/highs/build/highs.js' },
  define: { 'import.meta.url': 'ownUrl' },
  banner: {
    js: `const ownUrl = require('node:url').pathToFileURL(__filename).href;
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 15)) {
  process.stderr.write('punnet: wanted Node.js 20.15 or newer, found ' + process.version + ': ' +
    'install it (Debian 13 has it, for Debian 12 NodeSource has), then start again.\\n');
  process.exit(2);
}`,
  },
};

/** Of the bus's client: streams that outlive a connection, and keys that node:crypto has; the agent uses neither, and a small
 * board would keep them in memory. What asks for one of them finds nothing there. */
const leaveOut = {
  name: 'leave-out',
  setup({ onLoad }) {
    const filter = /node_modules.(nats.lib.(jetstream|nats-base-client.bench)|nkeys\.js.lib)/;
    onLoad({ filter }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** For Raspberry Pi OS 12, whose own Node.js is 18. */
export const forAgent = {
  minify: true,
  target: 'node18',
  // The agent asks it for the board alone; the rest of it would be two fifths of the bundle.
  alias: { systeminformation: './node_modules/systeminformation/lib/system.js' },
  plugins: [leaveOut],
  inject: ['tools/agent-clock.mjs'],
  // The bus's client asks for it, and has no use for it: Node.js would load all of its web streams.
  define: { 'globalThis.ReadableStream': 'true' },
};

/** Which finds its scenarios and its workers from where it is, and names the commit that it is of. */
export function forSimulator() {
  const said = spawnSync('npm', ['run', '--silent', 'commit'], { encoding: 'utf8' });
  const commit = said.status === 0 ? said.stdout.trim() : 'unknown: not built in a git clone';
  return {
    ...forNode20,
    minify: true,
    // What it draws asks for no canvas, and Vega's file for Node would wait for one to be imported.
    alias: {
      ...forNode20.alias,
      'vega-canvas': './node_modules/vega-canvas/build/vega-canvas.browser.js',
    },
    define: {
      ...forNode20.define,
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      'process.env.PUNNET_COMMIT': JSON.stringify(commit),
    },
    // Only a clone has it: it reads policies in TypeScript.
    external: ['tsx/esm/api'],
  };
}

/** What the scheduler and its packages read from `../../proto`, seen from their bundle, or beside it. */
export const filesBeside = [
  ['node_modules/highs/build/highs.wasm', 'scheduler/bin/highs.wasm'],
  ['deploy/install.sh', 'deploy/install.sh'],
  ['proto/gen/descriptors.binpb', 'proto/gen/descriptors.binpb'],
  ['node_modules/@grpc/reflection/build/proto/grpc', 'proto/grpc'],
  ['node_modules/grpc-health-check/proto/health', 'proto/health'],
];

/** Resolves with the files that went into it, from the root of the project. */
export async function bundle(entry, outfile, options) {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    metafile: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'warning',
    ...options,
  });
  return Object.keys(metafile.inputs);
}
