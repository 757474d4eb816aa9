// What `npm run setup` does where a Debian package is missing. It runs in a project of its own, in
// a view of this machine without nats-server.

import { execFile } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Ran } from '../integration/rig.ts';
import { hasNamespaces, root } from '../integration/rig.ts';

const server = '/usr/sbin/nats-server';
const isRoot = process.getuid?.() === 0;
/** A user that has nothing on this machine. */
const plainUid = 65_432;
const folder = mkdtempSync(join(tmpdir(), 'punnet-setup-'));
const built = join(folder, 'built');

beforeAll(() => {
  chmodSync(folder, 0o755);
  for (const name of ['tools', 'node_modules', 'fake']) mkdirSync(join(folder, name));
  for (const name of ['tools/setup.mjs', 'tools/arm/prepare.mjs']) {
    cpSync(join(root, name), join(folder, name));
  }
  writeFileSync(join(folder, 'package.json'), '{ "scripts": { "build": "touch built" } }');
  writeFileSync(join(folder, 'package-lock.json'), '{}');
  writeFileSync(join(folder, 'node_modules/.package-lock.json'), '{}');
  writeFileSync(join(folder, 'fake/apt-get'), '#!/bin/sh\necho "apt-get $*"\n', { mode: 0o755 });
  if (isRoot) chownSync(folder, plainUid, plainUid);
});
beforeEach(({ skip }) => {
  skip(!hasNamespaces, 'this machine refuses namespaces, of which the view is made');
  skip(!existsSync(server), `nats-server is not ${server} here: what hides it would hide more`);
  rmSync(built, { force: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs it for a user, where nats-server is there or is not. */
function setup(
  user: 'root' | 'plain',
  view: 'missing' | 'there',
  more: { readonly hidden?: string; readonly words?: readonly string[] } = {},
): Promise<Ran> {
  const become = ['setpriv', `--reuid=${plainUid}`, `--regid=${plainUid}`, '--clear-groups'];
  const words = [
    ...(user === 'plain' && isRoot ? become : []),
    ...['bwrap', '--dev-bind', '/', '/', '--tmpfs', '/usr/sbin'],
    ...(view === 'there' ? ['--ro-bind', server, server] : []),
    ...(more.hidden === undefined ? [] : ['--tmpfs', more.hidden]),
    ...[process.execPath, join(folder, 'tools/setup.mjs'), ...(more.words ?? [])],
  ];
  const [file = '', ...rest] = words;
  const PATH = `${join(folder, 'fake')}:${process.env['PATH'] ?? ''}`;
  const options = { env: { ...process.env, PATH, HOME: folder } };
  return new Promise((resolve) => {
    execFile(file, rest, options, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    );
  });
}

test('who is not root is told what to install, and nothing is done', async () => {
  const { code, out, err } = await setup('plain', 'missing');
  expect(out).toBe('setup: nats-server is missing: the message bus.\n');
  expect(err).toMatch(/\n {2}sudo apt-get install --no-install-recommends nats-server\n$/);
  expect(code).toBe(1);
  expect(existsSync(built)).toBe(false);
});

test('a package without a program is known by a file', async ({ skip }) => {
  const python = '/usr/lib/python3/dist-packages';
  const hidden = join(python, 'grpc');
  skip(!existsSync(hidden), 'python3-grpcio is not here, so that nothing can hide it');
  skip(!existsSync(join(python, 'google/protobuf')), 'python3-protobuf is not here');
  const { code, out } = await setup('plain', 'there', { hidden, words: ['--for', 'test'] });
  expect(out).toContain('setup: python3-grpcio is missing: gRPC for Python');
  expect(out).not.toContain('python3-protobuf');
  expect(code).toBe(1);
});

test('it goes on once the package is there', async () => {
  expect(await setup('plain', 'there')).toMatchObject({ code: 0, err: '' });
  expect(existsSync(built)).toBe(true);
});

test('root installs what is missing, and only that', async ({ skip }) => {
  skip(!isRoot, 'only root installs packages');
  const { code, out } = await setup('root', 'missing');
  expect(out.split('\n').filter((line) => line.startsWith('apt-get'))).toEqual([
    'apt-get update -qq',
    'apt-get install -y -qq --no-install-recommends nats-server',
  ]);
  expect(code).toBe(0);
  expect(existsSync(built)).toBe(true);
});
