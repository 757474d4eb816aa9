// Holds "who may import whom" of the architecture against the imports that are there.

import { expect, test } from 'vitest';
import { importsOf, sourceFiles } from './sources.ts';

// Packages and node:*; a file of the project has an extension. Of tuf-js what checks, without its downloader.
const npm = /^[^.]+$|^(tuf-js|@tufjs\/models)\/dist\/\w+\.js$/;
const cores = /^(scheduler|agent)\/core\/index\.ts$/;
// What a chunk is, for both cores and the simulator: pure as they are.
const chunks = /^proto\/(chunks|bitmap)\.ts$/;
const ports = /^(scheduler|agent)\/(ports|loop)\.ts$/;

/** Files, and what they may import; the first row that fits a file is its own. */
const rows: readonly (readonly [file: RegExp, may: readonly RegExp[]])[] = [
  [/^proto\//, []],
  [/^scheduler\/core\//, [/^scheduler\/core\//, chunks]],
  [/^agent\/core\//, [/^agent\/core\//, chunks]],
  [/^scheduler\/(ports|loop)\.ts$/, [/^scheduler\/(ports\.ts|core\/index\.ts)$/]],
  [/^agent\/(ports|loop)\.ts$/, [/^agent\/(ports\.ts|core\/index\.ts)$/]],
  // What a bundle is, for those who take one and those who send one.
  [/^scheduler\/bundle\//, [/^scheduler\/bundle\//, npm]],
  // How releases are signed, for the operator's program and the scheduler.
  [/^scheduler\/releases\//, [/^scheduler\/releases\//, /^proto\//, npm]],
  // How bytes are cut into chunks, for the origin and for who publishes a release.
  [/^scheduler\/chunking\//, [/^scheduler\/chunking\//, /^proto\//, npm]],
  [
    /^scheduler\/adapters\//,
    [edgeOf('scheduler/adapters'), /^scheduler\/(bundle|chunking|releases)\//, /^proto\//, npm],
  ],
  [/^scheduler\/api\//, [edgeOf('scheduler/api'), /^proto\//, npm]],
  [/^scheduler\/web\//, [edgeOf('scheduler/web'), /^proto\//, npm]],
  // A client knows the contract only.
  [/^scheduler\/cli\//, [/^scheduler\/(cli|bundle|chunking|releases)\//, /^proto\//, npm]],
  [/^agent\/(adapters|install)\//, [edgeOf('agent/(adapters|install)'), /^proto\//, npm]],
  // main.ts puts its program together; config.ts, run.ts and agent.ts are parts of it.
  [
    /^scheduler\/(main|config|maintenance|enrolment|link|uplinks|blob-care|mistakes)\.ts$/,
    [/^scheduler\/(?!core\/(?!index\.ts))/, /^proto\//, npm],
  ],
  [/^agent\/(main|config|run|agent)\.ts$/, [/^agent\/(?!core\/(?!index\.ts))/, /^proto\//, npm]],
  [
    /^sim\//,
    [
      /^sim\//,
      cores,
      ports,
      chunks,
      /^scheduler\/adapters\/(journal\/((snapshot-)?codec|read-journal)|plan\/highs|thread)\.ts$/,
      // Units mean in a scenario what they mean in a job file.
      /^scheduler\/api\/quantities\.ts$/,
      npm,
    ],
  ],
  // The demo types what a person would type: it starts programs and imports none of them.
  [/^demo\//, [/^(demo|lab)\//, npm]],
  // Networks of namespaces, for tests, the demo and benchmarks.
  [/^lab\//, [/^lab\//, npm]],
  [/^tools\//, [/^tools\//, npm]],
  [/^(benchmarks|test)\/|^vitest\.config\.ts$/, [/./]],
];

function edgeOf(folder: string): RegExp {
  const program = folder.startsWith('agent') ? 'agent' : 'scheduler';
  return new RegExp(`^(${folder}/|${program}/(core/index|ports)\\.ts$)`);
}

test('each file imports only what its folder may import', () => {
  const broken = sourceFiles().flatMap((file) => {
    const row = rows.find(([files]) => files.test(file));
    if (row === undefined) return [`${file}: its folder has no row in the table of layers`];
    const wrong = importsOf(file).filter((name) => !row[1].some((may) => may.test(name)));
    return wrong.map((name) => `${file} imports ${name}`);
  });
  expect(broken).toEqual([]);
});
