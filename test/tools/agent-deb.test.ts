// The agent's package for Debian: what systemd says of its units, and a node that a volunteer installs,
// uses and takes out again, on a machine made of namespaces with the shipped units. The federation's
// scheduler runs on the same machine, from its own package.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { longTestMs } from '../integration/program.ts';
import { root, until } from '../integration/rig.ts';
import { buildDebs, run } from './debs.ts';
import { SystemdMachine } from './systemd-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-agent-deb-test-'));
const shipped = join(folder, 'shipped');
const isRoot = process.getuid?.() === 0;
let debs = { agent: '', scheduler: '' };

/** Packages are built and a machine is booted: over half a minute of CPU with all of it. */
const whyShort =
  process.env['PUNNET_LONG_TESTS'] === undefined ? 'npm run test:packages runs it' : undefined;

beforeAll(async () => {
  if (whyShort !== undefined) return;
  debs = await buildDebs(folder, '022');
  for (const deb of Object.values(debs)) await run('dpkg-deb', ['-x', deb, shipped]);
}, longTestMs);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The agent's units, where systemd finds each that another one names. */
function unitsIn(folderName: string): string {
  const units = mkdtempSync(join(folder, folderName));
  const from = join(shipped, 'usr/lib/systemd/system');
  for (const name of readdirSync(from)) {
    if (name !== 'punnet-scheduler.service')
      cpSync(join(from, name), join(units, name), { recursive: true });
  }
  return units;
}

// 0 is safest, 100 is none at all.
test.concurrent.for<[string, number | null]>([
  ['punnet-agent.service', 34],
  ['punnet-overlay.service', 20],
  ['punnet-firewall.service', 34],
  ['punnet-firewall-look.service', 34],
  ['punnet-firewall-look.timer', null],
  ['punnet-overlay-restart.path', null],
])('systemd takes %s, and rates its exposure below %s of 100', async ([name, most], context) => {
  context.skip(whyShort !== undefined, whyShort);
  const { code } = await run('systemd-analyze', ['--version']);
  context.skip(code !== 0, 'systemd-analyze is not here');
  const file = join(unitsIn('units-'), name);
  const MANPATH = `${join(shipped, 'usr/share/man')}:`;
  const verified = await run('systemd-analyze', ['verify', file], { MANPATH });
  expect(verified).toEqual({ code: 0, out: '', err: '' });
  if (most === null) return;
  const words = ['security', '--offline=true', `--threshold=${most}`, file];
  expect(await run('systemd-analyze', words)).toMatchObject({ code: 0 });
});

test.concurrent('dpkg installs, removes and purges it', async (context) => {
  context.skip(whyShort !== undefined, whyShort);
  context.skip(!isRoot, 'dpkg makes a system user, which takes root');
  const to = join(folder, 'another');
  const flags = [`--root=${to}`, '--force-script-chrootless', '--force-depends'];
  const dpkg = (...words: readonly string[]) => run('dpkg', [...flags, ...words]);
  mkdirSync(join(to, 'var/lib/dpkg/updates'), { recursive: true });
  mkdirSync(join(to, 'var/lib/dpkg/info'));
  mkdirSync(join(to, 'etc'));
  writeFileSync(join(to, 'var/lib/dpkg/status'), '');
  const state = join(to, 'var/lib/punnet-agent');
  const wants = join(to, 'etc/systemd/system/multi-user.target.wants');

  expect(await dpkg('-i', debs.agent)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, 'etc/passwd'), 'utf8')).toMatch(/^punnet-agent:/m);
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, 'identity.json'), '{}');

  const removed = await dpkg('-r', 'punnet-agent');
  expect(removed).toMatchObject({ code: 0 });
  expect(removed.err).toContain('punnet-agent leave');
  expect(existsSync(join(state, 'identity.json'))).toBe(true);
  expect(await dpkg('-P', 'punnet-agent')).toMatchObject({ code: 0 });
  expect(existsSync(state)).toBe(false);
  expect(existsSync(join(wants, 'punnet-agent.service'))).toBe(false);
});

const job = `name: hello
bundles: { x86_64: { file: program }, aarch64: { file: program } }
command: [/bundle/run.sh]
tasks: { count: 1 }
profile: { work: 1 GHz*s, output: 1 kB }
`;

/** Says what it is and what it sees, under the shipped unit. */
const script = `#!/bin/sh
set -eu
grep -E '^(NoNewPrivs|CapBnd|Seccomp):' /proc/self/status | tr '\\t\\n' '= '
hostname
ls /var/lib && exit 3
exit 0
`;

/** Directives that the unit leaves out, and what bwrap then says. */
const breaking = [
  ['ProtectKernelTunables=yes', 'Read-only file system'],
  ['ProcSubset=pid', "Can't read /proc/sys/kernel/overflowuid"],
  ['ProtectHostname=yes', "Can't set hostname"],
  ['RestrictNamespaces=yes', 'No permissions to create new namespace'],
];

/** What prerm does with tasks that are left. */
const killLeft =
  /systemctl kill .*punnet-agent\.service/.exec(
    readFileSync(join(root, 'deploy/debian/punnet-agent/prerm'), 'utf8'),
  )?.[0] ?? 'false';

async function bootBoth(home: string): Promise<SystemdMachine> {
  const machine = await SystemdMachine.boot({
    folder: home,
    files: shipped,
    unit: 'punnet-scheduler.service',
  });
  await machine.answers(9464, '/readyz');
  return machine;
}

/** Runs it in there as root, and tells what it printed; anything but 0 fails the test. */
function caller(machine: SystemdMachine) {
  return async (...words: readonly string[]): Promise<string> => {
    const [file = '', ...rest] = words;
    const ran = await machine.call(file, ...rest);
    if (ran.code !== 0) throw new Error(`${words.join(' ')}: ${ran.code}\n${ran.out}${ran.err}`);
    return ran.out;
  };
}

/** What bwrap says under a directive; empty: it starts. */
async function sandboxUnder(machine: SystemdMachine, directive: string): Promise<string> {
  const call = caller(machine);
  const bwrap =
    '/usr/bin/bwrap --unshare-all --unshare-user --disable-userns --hostname task --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc /usr/bin/true';
  const unit = `[Service]\nType=oneshot\nUser=punnet-agent\nNoNewPrivileges=yes\n${directive}\nStandardError=truncate:/tmp/said\nExecStart=${bwrap}\n`;
  const put = 'mkdir -p /run/systemd/system && printf %s "$0" >/run/systemd/system/try.service';
  await call('sh', '-c', put, unit);
  await call('systemctl', 'daemon-reload');
  await machine.call('systemctl', 'start', 'try');
  return call('cat', '/tmp/said');
}

/** A task goes on over an upgrade of the agent, and ends with a removal. */
async function outlives(machine: SystemdMachine): Promise<void> {
  const call = caller(machine);
  await call(
    'sed',
    '-i',
    's/^name: .*/name: nap/; s/^command: .*/command: [sleep, "1000"]/',
    '/tmp/job/job.yaml',
  );
  await call('punnet', 'submit', '/tmp/job/job.yaml');
  const says = async (words: RegExp): Promise<string> =>
    until(`the status says ${String(words)}`, async () => {
      const said = (await machine.call('punnet-agent', 'status')).out;
      return words.test(said) ? said : undefined;
    });
  const lease = /lease (\d+): task 0 of nap .*running/;
  const [, first] = lease.exec(await says(lease)) ?? [];
  // An upgrade: the task goes on, and the next agent adopts it.
  await call('systemctl', 'stop', 'punnet-agent');
  expect(await call('pgrep', '-x', 'sleep')).toMatch(/^\d+\n$/);
  await call('systemctl', 'start', 'punnet-agent');
  expect(await says(lease)).toContain(`lease ${first}:`);
  expect(await says(/Whose research/)).toContain('operator: 1 task of hello');

  await call('systemctl', 'stop', 'punnet-agent');
  expect(await groupBeforeNode(call)).toMatch(/punnet-agent\.service\/agent\n$/);

  // A removal ends it.
  await call('systemctl', 'stop', 'punnet-agent');
  await call('sh', '-c', killLeft);
  await until('no task runs', async () => {
    return (await machine.call('pgrep', '-x', 'sleep')).out === '' || undefined;
  });
  await call('systemctl', 'start', 'punnet-agent');
}

/** Where the unit's process is by the time that Node.js starts: another program stands in for that. */
async function groupBeforeNode(call: ReturnType<typeof caller>): Promise<string> {
  const said = '/var/lib/punnet-agent/said';
  const stub = `#!/bin/sh\ncat /proc/self/cgroup >${said}\nexec sleep 1000\n`;
  const put =
    'printf %s "$0" >/tmp/node && chmod 755 /tmp/node && mount -B /tmp/node /usr/bin/node';
  await call('sh', '-c', put, stub);
  await call('systemctl', 'start', 'punnet-agent');
  const group = await until('it has said where it is', async () => {
    const text = await call('sh', '-c', `cat ${said} 2>&1 || true`);
    return text.includes('No such file') || text === '' ? undefined : text;
  });
  await call('sh', '-c', `systemctl stop punnet-agent && umount /usr/bin/node && rm ${said}`);
  return group;
}

test.concurrent(
  'a volunteer installs, a task runs in its sandbox under the unit, and she leaves',
  async ({ skip, onTestFinished }) => {
    skip(whyShort !== undefined, whyShort);
    const missing = SystemdMachine.missing();
    skip(missing !== undefined, `no machine can be booted: ${missing}`);
    const machine = await bootBoth(join(folder, 'booted'));
    onTestFinished(() => machine.stop());
    const call = caller(machine);
    await call('punnet', 'context', 'add', '/var/lib/punnet/operator.context');
    await call('punnet', 'site', 'set', 'attic', '--down', '1 Gbit/s', '--up', '1 Gbit/s');
    const token = await machine.call('punnet', 'token', 'create', '--node', '--site', 'attic');
    const line = token.err.trim().split('\n').at(-1) ?? '';

    // The package is unpacked here; apt would find it installed.
    const stubs =
      'mkdir /tmp/bin && cd /tmp/bin && echo exit 0 >apt-get && echo exec \'"$@"\' >sudo';
    await call('sh', '-c', `${stubs} && sed -i "1i #!/bin/sh" * && chmod +x *`);
    const pasted = `cd /tmp && PATH=/tmp/bin:$PATH && ${line}`;
    expect(await call('sh', '-c', pasted)).toContain('start punnet-agent.service');
    expect(await call('systemctl', 'is-active', 'punnet-agent')).toBe('active\n');
    // This federation has no tunnel that it would close.
    expect((await machine.call('systemctl', 'is-active', 'punnet-firewall')).out).toBe(
      'inactive\n',
    );
    expect(await call('punnet-agent', 'install')).toContain('Nothing changes.');
    // Nor are the token and the script left to whoever looks.
    expect(await call('sh', '-c', 'ls /tmp/punnet-token 2>&1 || true')).toContain('No such file');
    const files = ['/var/lib/punnet-agent/keys.json', '/var/lib/punnet-agent/identity.json'];
    const own = 'punnet-agent 600\n';
    expect(await call('stat', '-c', '%U %a', ...files)).toBe(own + own);

    const put =
      'mkdir -p /tmp/job/program && cd /tmp/job && printf %s "$0" >job.yaml && printf %s "$1" >program/run.sh && chmod +x program/run.sh';
    await call('sh', '-c', put, job, script);
    await call('punnet', 'submit', '/tmp/job/job.yaml', '--watch');
    const said = await call('punnet', 'logs', 'hello', '0');
    expect(said).toMatch(/CapBnd:=0+ NoNewPrivs:=1 Seccomp:=2 task/);

    // Whatever root asks stays a file that the agent can read.
    expect(await call('punnet-agent', 'pause')).toContain('Paused');
    expect(await call('stat', '-c', '%U %a', '/var/lib/punnet-agent/limits.json')).toBe(own);
    await until('it is paused', async () => {
      const said = await call('punnet-agent', 'status');
      return said.includes('its owner has paused it') || undefined;
    });

    await call('punnet-agent', 'resume');
    await until('its sandbox is told', async () => {
      const said = await call('punnet-agent', 'status');
      // The machine has no memory controller.
      return said.includes('in sandbox cgroup-v2-rlimit.') || undefined;
    });
    // A network of a task's own is made under the unit, too.
    await call('punnet-agent', 'limits', '--internet', 'on');
    await until('it has looked whether tasks can have internet', async () => {
      const said = await call('punnet-agent', 'status');
      return said.includes('Tasks that ask for it reach the internet from here') || undefined;
    });
    await outlives(machine);

    expect(await call('punnet-agent', 'leave')).toContain('has left punnet');
    expect(await call('find', '/var/lib/punnet-agent', '-mindepth', '1')).toBe('');
    expect((await machine.call('systemctl', 'is-active', 'punnet-agent')).out).toBe('inactive\n');

    expect(await sandboxUnder(machine, '')).toBe('');
    for (const [directive = '', words] of breaking) {
      expect(await sandboxUnder(machine, directive), directive).toContain(words);
    }
  },
  longTestMs,
);
