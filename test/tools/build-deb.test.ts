// The scheduler's package for Debian: the same bytes each time, as Debian wants it, and a scheduler
// that runs from its files as its unit says. dpkg installs it into a root of the test's own.

import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readFileSync, lstatSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { State, imageOf } from '../../scheduler/core/index.ts';
import { Program, longTestMs } from '../integration/program.ts';
import type { Ran } from '../integration/rig.ts';
import { root } from '../integration/rig.ts';
import { buildDebs, run } from './debs.ts';
import { SystemdMachine } from './systemd-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-deb-test-'));
/** What is in it, unpacked. */
const machine = join(folder, 'machine');
/** The same, which no test writes to. */
const shipped = join(folder, 'shipped');
const bin = join(machine, 'usr/share/punnet/scheduler/bin');
const isRoot = process.getuid?.() === 0;
/** Whom the service runs as here. */
const plainUid = 65_432;
let deb = '';
let again = '';
let agentDeb = '';
let agentAgain = '';

beforeAll(async () => {
  chmodSync(folder, 0o755);
  const [first, second] = await Promise.all([
    buildDebs(join(folder, 'first'), '022'),
    buildDebs(join(folder, 'second'), '077'),
  ]);
  [deb, again] = [first.scheduler, second.scheduler];
  [agentDeb, agentAgain] = [first.agent, second.agent];
  await Promise.all([machine, shipped].map((to) => run('dpkg-deb', ['-x', deb, to])));
}, longTestMs);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the same commit gives the same bytes, whatever the umask', () => {
  expect(readFileSync(again).equals(readFileSync(deb))).toBe(true);
  expect(readFileSync(agentAgain).equals(readFileSync(agentDeb))).toBe(true);
});

test.concurrent('systemd takes the unit and finds little to say about its security', async (context) => {
  const { code } = await run('systemd-analyze', ['--version']);
  context.skip(code !== 0, 'systemd-analyze is not here');
  const unit = readFileSync(join(machine, 'usr/lib/systemd/system/punnet-scheduler.service'));
  const file = join(folder, 'punnet-scheduler.service');
  writeFileSync(file, unit.toString().replace('=/usr/bin/', `=${machine}/usr/bin/`));
  const MANPATH = join(machine, 'usr/share/man');
  const verified = await run('systemd-analyze', ['verify', file], { MANPATH });
  expect(verified).toEqual({ code: 0, out: '', err: '' });
  // 0 is safest, 100 is none at all; it exits with 1 over the threshold.
  const words = ['security', '--offline=true', '--threshold=20', file];
  expect(await run('systemd-analyze', words)).toMatchObject({ code: 0 });
});

/** Starts what the unit starts, as a user without rights, on free ports. */
function startService(): Program {
  const unit = readFileSync(join(machine, 'usr/lib/systemd/system/punnet-scheduler.service'));
  const line = /^ExecStart=(.*)$/m.exec(unit.toString())?.[1] ?? '';
  const here = line.replaceAll(/ ?(\/(usr|var)\/)/g, (path) => path.replace('/', `${machine}/`));
  const script = `. ${machine}/etc/default/punnet-scheduler && exec ${here}`;
  const user = ['setpriv', `--reuid=${plainUid}`, `--regid=${plainUid}`, '--clear-groups'];
  return new Program('punnet-scheduler', ['-c', script], {
    by: [...(isRoot ? user : []), 'sh'],
  });
}

test.concurrent('a scheduler runs from its files alone, as the unit starts it, and keeps what it was told', async () => {
  const data = join(machine, 'var/lib/punnet');
  mkdirSync(join(data, '..'), { recursive: true });
  mkdirSync(data, 0o700);
  if (isRoot) chownSync(data, plainUid, plainUid);
  const flags = '--grpc-port 0 --https-port 0 --metrics-port 0';
  appendFileSync(join(machine, 'etc/default/punnet-scheduler'), `PUNNET_FLAGS="${flags}"\n`);
  const env = { XDG_CONFIG_HOME: join(folder, 'config') };
  const punnet = (...words: readonly string[]): Promise<Ran> =>
    run(join(machine, 'usr/bin/punnet'), words, env);

  const first = startService();
  const metrics = /"metrics":"([^"]+)"/.exec(await first.said('"msg":"ready"'))?.[1] ?? '';
  expect((await fetch(metrics.replace('/metrics', '/readyz'))).status).toBe(200);
  expect(await punnet('context', 'add', join(data, 'operator.context'))).toMatchObject({
    code: 0,
  });
  const job = join(root, 'examples/words/job.yaml');
  expect(await punnet('submit', job)).toMatchObject({ code: 0 });
  expect(await first.kill('SIGTERM')).toEqual({ code: 0, signal: null });

  const second = startService();
  await second.said('"msg":"ready"');
  expect((await punnet('jobs', '--output', 'csv')).out).toContain(',words,');
  expect(await second.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});

test.concurrent(
  'systemd starts it as it is shipped, and again when it was killed, but not after a mistake',
  async ({ skip, onTestFinished }) => {
    const missing = SystemdMachine.missing();
    skip(missing !== undefined, `no machine can be booted: ${missing}`);
    const home = join(folder, 'booted');
    const booted = await SystemdMachine.boot({
      folder: home,
      files: shipped,
      unit: 'punnet-scheduler.service',
    });
    onTestFinished(() => booted.stop());
    const buses = async (): Promise<string> => (await booted.call('pgrep', 'nats-server')).out;

    await booted.answers(9464, '/readyz');
    const first = await booted.told('MainPID');
    const status = await booted.call('cat', `/proc/${first}/status`);
    // No rights, none to be had, and a filter of system calls.
    expect(status.out).toMatch(/^CapBnd:\t0+\nCapAmb:\t0+\nNoNewPrivs:\t1\nSeccomp:\t2$/m);
    const context = '/var/lib/punnet/operator.context';
    expect(await booted.call('punnet', 'context', 'add', context)).toMatchObject({ code: 0 });
    const rates = ['--down', '20 Mbit/s', '--up', '4 Mbit/s'];
    const set = await booted.call('punnet', 'site', 'set', 'attic', ...rates);
    expect(set).toMatchObject({ code: 0 });
    const bus = await buses();

    // nats-server goes with it, which setpriv sees to, under the filter.
    await booted.call('kill', '-KILL', first);
    await booted.becomes('NRestarts', '1');
    await booted.answers(9464, '/readyz');
    expect((await booted.call('punnet', 'sites', '--output', 'csv')).out).toContain('attic');
    expect(await buses()).toMatch(/^\d+\n$/);
    expect(await buses()).not.toBe(bus);

    await booted.call('systemctl', 'stop', 'punnet-scheduler');
    expect(await booted.told('ActiveState')).toBe('inactive');
    expect(await booted.told('Result')).toBe('success');
    expect(await buses()).toBe('');

    writeFileSync(join(home, 'default/punnet-scheduler'), 'PUNNET_FLAGS=--no-such-flag\n');
    await booted.call('systemctl', 'start', 'punnet-scheduler');
    await booted.becomes('ActiveState', 'failed');
    expect(await booted.told('ExecMainStatus')).toBe('2');
    expect(await booted.told('NRestarts')).toBe('0');
  },
  longTestMs,
);

test.concurrent("a bundle finds the snapshot's thread beside it", async () => {
  const outfile = join(bin, 'store.cjs');
  await build({
    ...{ entryPoints: [join(root, 'scheduler/adapters/journal/snapshot-store.ts')], outfile },
    ...{ bundle: true, platform: 'node', format: 'cjs' },
    define: { 'import.meta.url': 'ownUrl' },
    banner: { js: "const ownUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  // It is the module above.
  const store = createRequire(import.meta.url)(
    outfile,
  ) as typeof import('../../scheduler/adapters/journal/snapshot-store.ts');
  const to = mkdtempSync(join(folder, 'journal-'));
  await store.writeSnapshot(to, { image: imageOf(new State()), sequence: 7 });
  expect(readdirSync(to)).toEqual(['0000000000000007.snapshot']);
});

test.concurrent('on an older Node.js each program says which it wants', async (context) => {
  const old = join(root, 'tools/node-18/node');
  context.skip(!existsSync(old), 'Node 18 is not here: node tools/setup.mjs --for test');
  for (const program of ['punnet', 'punnet-scheduler']) {
    const { code, err } = await run(old, [join(bin, `${program}.cjs`)]);
    // The unit does not try again after a 2.
    expect(code).toBe(2);
    expect(err).toMatch(/^punnet: wanted Node\.js 20\.15 or newer, found v18\.\S+: install it/);
  }
});

/** The same package, as a later version. */
async function later(): Promise<string> {
  const unpacked = join(folder, 'later');
  await run('dpkg-deb', ['-R', deb, unpacked]);
  const control = join(unpacked, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^(Version: .*)$/m, '$1.1'));
  await run('dpkg-deb', ['-Znone', '--build', unpacked, join(folder, 'later.deb')]);
  return join(folder, 'later.deb');
}

test.concurrent('installed, upgraded, removed and purged, it leaves what it should', async (context) => {
  context.skip(!isRoot, 'dpkg makes a system user, which takes root');
  // Another machine, on which nothing of what the package depends on is installed.
  const to = join(folder, 'another');
  const flags = [`--root=${to}`, '--force-script-chrootless', '--force-depends'];
  const dpkg = (...words: readonly string[]): Promise<Ran> => run('dpkg', [...flags, ...words]);
  mkdirSync(join(to, 'var/lib/dpkg/updates'), { recursive: true });
  mkdirSync(join(to, 'var/lib/dpkg/info'));
  writeFileSync(join(to, 'var/lib/dpkg/status'), '');
  const defaults = join(to, 'etc/default/punnet-scheduler');
  const wanted = 'etc/systemd/system/multi-user.target.wants/punnet-scheduler.service';
  const journal = join(to, 'var/lib/punnet/journal');
  const isEnabled = (): boolean =>
    lstatSync(join(to, wanted), { throwIfNoEntry: false }) !== undefined;

  expect(await dpkg('-i', deb)).toMatchObject({ code: 0 });
  const users = readFileSync(join(to, 'etc/passwd'), 'utf8');
  expect(users).toMatch(/^punnet:.*:\/var\/lib\/punnet:/);
  expect(isEnabled()).toBe(true);

  // What its operator changed stays as it is.
  mkdirSync(journal, { recursive: true });
  writeFileSync(defaults, 'PUNNET_FLAGS="--federation berries"\n');
  rmSync(join(to, wanted));
  expect(await dpkg('-i', await later())).toMatchObject({ code: 0 });
  expect(readFileSync(defaults, 'utf8')).toContain('berries');
  expect(isEnabled()).toBe(false);

  expect(await dpkg('-r', 'punnet-scheduler')).toMatchObject({ code: 0 });
  expect(existsSync(join(to, 'usr/bin/punnet'))).toBe(false);
  expect(existsSync(defaults)).toBe(true);

  symlinkSync('/usr/lib/systemd/system/punnet-scheduler.service', join(to, wanted));
  const purged = await dpkg('-P', 'punnet-scheduler');
  expect(purged.err).toContain('/var/lib/punnet stays');
  expect(existsSync(defaults)).toBe(false);
  expect(isEnabled()).toBe(false);
  expect(existsSync(journal)).toBe(true);
});
