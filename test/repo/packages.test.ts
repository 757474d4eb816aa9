// package.json names what is used, and never a name that nobody owns.

import { expect, test } from 'vitest';
import { importsOf, sourceFiles, textOf } from './sources.ts';

// Written by npm; only the names matter here.
const manifest = JSON.parse(textOf('package.json')) as Record<string, Record<string, string>>;
const dependencies = { ...manifest['dependencies'], ...manifest['devDependencies'] };

// knip (npm run deadcode) finds what is named and not used; these were asked for by name.
test.each(['@grpc/grpc-js', 'systeminformation', 'p-queue', 'nats', 'vitest'])(
  '%s is a dependency and is imported',
  (name) => {
    expect(dependencies).toHaveProperty([name]);
    expect(sourceFiles().filter((file) => importsOf(file).includes(name))).not.toEqual([]);
  },
);

test('ts-proto makes proto/gen', () => {
  expect(dependencies).toHaveProperty('ts-proto');
  expect(textOf('buf.gen.yaml')).toContain('protoc-gen-ts_proto');
  expect(textOf('proto/gen/punnet/v1/job.ts')).toContain('protoc-gen-ts_proto');
});

test('each program says the version of the package', () => {
  const words = `export const version = '${String(manifest['version'])}';`;
  for (const file of ['scheduler/cli/version.ts', 'agent/config.ts']) {
    expect(textOf(file)).toContain(words);
  }
});

test('openvpn-status-parser, a name that is free on npm, is in no list of dependencies', () => {
  const lists = Object.entries(manifest).filter(([key]) => /dependencies/i.test(key));
  expect(lists.filter(([, list]) => 'openvpn-status-parser' in list)).toEqual([]);
  expect(textOf('package-lock.json')).not.toContain('node_modules/openvpn-status-parser');
});
