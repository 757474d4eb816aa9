// Packages as a release (examples/packages): root's apt installs what the owner's key has signed, and nothing else that
// the agent's user brings. Real gpg, apt-get and dpkg, in a root of their own.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReleaseFolder } from '../../agent/adapters/releases/release-folder.ts';

const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
const examples = join(import.meta.dirname, '../../examples/packages');
const programs = ['gpg', 'gpgconf', 'apt-get', 'dpkg-deb', 'dpkg-scanpackages'];

let top = '';
/** Of the node. */
let root = '';
let release: ReleaseFolder;
let env: NodeJS.ProcessEnv = {};

beforeEach((context) => {
  context.skip(isShort, 'npm run test:packages runs it');
  const missing = programs.find((program) => spawnSync('which', [program]).status !== 0);
  context.skip(missing !== undefined, `${missing} is not here`);
  context.skip(process.getuid?.() !== 0, 'only root installs packages');
  top = mkdtempSync(join(tmpdir(), 'punnet-packages-'));
  chmodSync(top, 0o755);
  root = join(top, 'root');
  const folders = [
    'etc/apt/apt.conf.d',
    'etc/apt/sources.list.d',
    'etc/punnet-agent',
    'var/log/apt',
  ];
  const dpkg = ['info', 'updates', 'triggers'].map((each) => `var/lib/dpkg/${each}`);
  const apt = ['var/lib/apt/lists/partial', 'var/cache/apt/archives/partial'];
  for (const folder of [...folders, ...dpkg, ...apt]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  const lines = [
    `Dir "${root}/";`,
    `Dir::State::status "${root}/var/lib/dpkg/status";`,
    `DPkg::Options { "--root=${root}"; "--log=${top}/log"; };`,
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
  ];
  writeFileSync(join(top, 'apt.conf'), `${lines.join('\n')}\n`);
  env = {
    ...{ PATH: process.env['PATH'], LC_ALL: 'C', GNUPGHOME: join(top, 'gpg') },
    ...{ APT_CONFIG: join(top, 'apt.conf'), PUNNET_ROOT: root, PUNNET_TRIES: '1' },
    ...{ DPKG_ADMINDIR: join(root, 'var/lib/dpkg'), PUNNET_USER: 'nobody' },
  };
  mkdirSync(join(top, 'gpg'), { mode: 0o700 });
  newKey('owner@example.org');
  const key = execFileSync('gpg', ['--armor', '--export', 'owner@example.org'], { env });
  writeFileSync(join(root, 'etc/punnet-agent/packages-tools.asc'), key);
  release = new ReleaseFolder(join(root, 'var/lib/punnet-agent/releases/tools'));
});
afterEach(() => {
  if (top === '') return;
  spawnSync('gpgconf', ['--kill', 'gpg-agent'], { env });
  rmSync(top, { recursive: true, force: true });
  top = '';
});

function newKey(name: string): void {
  const words = ['--batch', '--quiet', '--passphrase', '', '--quick-gen-key'];
  execFileSync('gpg', [...words, name, 'ed25519', 'sign', 'never'], { env, stdio: 'ignore' });
}

function makeDeb(name: string, version: string, text = `${name} ${version}`): string {
  const tree = mkdtempSync(join(top, 'deb-'));
  chmodSync(tree, 0o755);
  mkdirSync(join(tree, 'DEBIAN'));
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: nothing\n`;
  writeFileSync(join(tree, 'DEBIAN/control'), control);
  writeFileSync(join(tree, `${name}.txt`), text);
  const file = join(top, `${name}_${version}_all.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-b', tree, file], { stdio: 'ignore' });
  return file;
}

/** As the operator makes it, and the agent then has it. */
function activate(version: string, debs: readonly string[], key = 'owner@example.org'): string {
  const made = join(top, `made-${version}`);
  execFileSync(join(examples, 'make-release.sh'), [key, made, ...debs], { env, stdio: 'ignore' });
  const folder = release.folderOf(version);
  cpSync(made, folder, { recursive: true });
  release.activate(version);
  return folder;
}

/** Installs, or fails with what was said. */
function install(): void {
  const { code, said } = runAsRoot();
  expect(code, said).toBe(0);
}

function runAsRoot(): { readonly code: number | null; readonly said: string } {
  const ran = spawnSync(join(examples, 'punnet-packages'), ['tools'], { env, encoding: 'utf8' });
  return { code: ran.status, said: ran.stdout + ran.stderr };
}

function runHook(): number | null {
  const cwd = release.folderOf(release.active);
  const own = { ...env, PUNNET_TRIES: '0' };
  return spawnSync(join(cwd, 'hook'), ['activate'], { cwd, env: own }).status;
}

const installed = (name: string): string => {
  const file = join(root, `${name}.txt`);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};

test('what is signed is installed, and the next version of it; the hook waits for that', () => {
  activate('1.0', [makeDeb('one', '1.0'), makeDeb('two', '3.1')]);
  expect(runHook()).toBe(1);
  install();
  expect([installed('one'), installed('two')]).toEqual(['one 1.0', 'two 3.1']);
  expect(runHook()).toBe(0);
  install();
  activate('1.1', [makeDeb('one', '1.1')]);
  expect(runHook()).toBe(1);
  install();
  expect([installed('one'), installed('two'), runHook()]).toEqual(['one 1.1', 'two 3.1', 0]);
});

test.each<readonly [string, (folder: string) => void]>([
  ['a package that has changed', (folder) => spoil(join(folder, 'one_1.0_all.deb'))],
  [
    'another package of the same name and version',
    (folder) => cpSync(makeDeb('one', '1.0', 'another'), join(folder, 'one_1.0_all.deb')),
  ],
  ['a list that has changed', (folder) => spoil(join(folder, 'Packages'))],
  ['a signature that is not there', (folder) => rmSync(join(folder, 'InRelease'))],
  [
    'a package that is a link to another file',
    (folder) => {
      const file = join(folder, 'one_1.0_all.deb');
      cpSync(file, join(top, 'elsewhere'));
      rmSync(file);
      symlinkSync(join(top, 'elsewhere'), file);
    },
  ],
])('nothing is installed of a release with %s', (_, change) => {
  change(activate('1.0', [makeDeb('one', '1.0')]));
  expect(runAsRoot().code).not.toBe(0);
  expect([installed('one'), runHook()]).toEqual(['', 1]);
});

test('root reads nothing that the agent could not, and no pipe, and leaves apt as it was', () => {
  const folder = activate('1.0', [makeDeb('one', '1.0')]);
  writeFileSync(join(folder, 'private.deb'), 'secret', { mode: 0o600 });
  writeFileSync(join(folder, 'other'), 'no package');
  execFileSync('mkfifo', [join(folder, 'pipe.deb')]);
  install();
  expect(installed('one')).toBe('one 1.0');
  const copy = join(root, 'var/lib/punnet-packages/tools/copy');
  expect(readFileSync(join(copy, 'private.deb'), 'utf8')).toBe('');
  expect(readdirSync(copy).toSorted()).toEqual([
    ...['InRelease', 'Packages', 'one_1.0_all.deb', 'private.deb'],
  ]);
  expect(readdirSync(join(root, 'etc/apt/sources.list.d'))).toEqual([]);

  const home = join(top, 'home');
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, 'InRelease'), 'secret');
  rmSync(join(release.path, 'active'));
  symlinkSync(home, join(release.path, 'active'));
  expect(runAsRoot().code).not.toBe(0);
  expect(readdirSync(copy)).toEqual([]);
});

test('what is installed stands in the list that is signed, though the agent brings another', () => {
  const folder = activate('1.0', [makeDeb('one', '1.0')]);
  install();
  const more = activate('1.1', [makeDeb('two', '1.0')]);
  cpSync(join(folder, 'InRelease'), join(more, 'InRelease'));
  expect(runAsRoot().code).not.toBe(0);
  expect(installed('two')).toBe('');
});

test('nothing is installed that another key has signed, that is older, or where the owner has no key', () => {
  newKey('other@example.org');
  activate('1.0', [makeDeb('one', '1.0')], 'other@example.org');
  expect(runAsRoot().code).not.toBe(0);
  const old = activate('1.1', [makeDeb('one', '1.1'), makeDeb('two', '1.0')]);
  makeOlder(old);
  activate('1.2', [makeDeb('one', '1.2')]);
  install();
  release.activate('1.1');
  expect(runAsRoot().said).toContain('or older than the one before: nothing is installed');
  expect([installed('one'), installed('two')]).toEqual(['one 1.2', '']);
  rmSync(join(root, 'etc/punnet-agent/packages-tools.asc'));
  expect(runAsRoot().said).toContain('packages-tools.asc is not there: nothing is installed');
  expect(runHook()).toBe(0);
});

/** It was signed an hour ago. */
function makeOlder(folder: string): void {
  const date = new Date(Date.now() - 3_600_000).toUTCString().replace('GMT', 'UTC');
  const text = readFileSync(join(folder, 'InRelease'), 'utf8');
  const [, body = ''] = /\n\n([\s\S]*?)-----BEGIN PGP SIGNATURE/.exec(text) ?? [];
  const older = body.replace(/^Date: .*$/m, `Date: ${date}`);
  const words = ['--batch', '--local-user', 'owner@example.org', '--clearsign'];
  const signed = execFileSync('gpg', words, { env, input: older });
  writeFileSync(join(folder, 'InRelease'), signed);
}

function spoil(file: string): void {
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
