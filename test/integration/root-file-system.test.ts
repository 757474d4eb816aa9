// A bundle that is a root file system of its own, laid out as `docker export` writes one: links
// between and within its folders, many of them absolute, and empty folders for the system's mounts.
// It runs as a task of a real job.

import { execFileSync } from 'node:child_process';
import { createWriteStream, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'yaml';
import { pack, type Header } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { JobState } from '../../proto/gen/punnet/v1/job.ts';
import { longTestMs } from './program.ts';
import { Rig, hasNamespaces } from './rig.ts';

let rig: Rig;
const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const programs = ['sh', 'cat', 'ls', 'mawk', 'id'];

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['one']);
  await exportTo(join(rig.folder, 'exported.tar'));
}, longTestMs);
beforeEach(({ skip }) => skip(!hasNamespaces, 'no namespaces: a root file system needs them'));
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

/** What `docker export` of a small Debian image holds, made of this machine's own programs. */
async function exportTo(archive: string): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(archive));
  const add = (
    header: Partial<Header> & Pick<Header, 'name'>,
    content: Buffer | string = '',
  ): void => void tar.entry(header, content);
  add({ name: '.dockerenv' });
  for (const name of ['dev', 'dev/pts', 'dev/shm', 'etc', 'etc/alternatives', 'proc', 'run']) {
    add({ name: `${name}/`, type: 'directory' });
  }
  for (const name of ['dev/console', 'etc/hosts', 'etc/resolv.conf']) add({ name });
  add({ name: 'etc/os-release' }, 'NAME=exported\n');
  add({ name: 'etc/mtab', type: 'symlink', linkname: '/proc/mounts' });
  add({ name: 'etc/alternatives/awk', type: 'symlink', linkname: '/usr/bin/mawk' });
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) {
    add({ name, type: 'symlink', linkname: `usr/${name}` });
  }
  for (const name of ['sys', 'tmp', 'usr/bin', 'usr/lib', 'usr/lib64', 'usr/sbin', 'var']) {
    add({ name: `${name}/`, type: 'directory' });
  }
  for (const [name, file] of filesOfPrograms()) add({ name, mode: 0o755 }, readFileSync(file));
  add({ name: 'usr/bin/awk', type: 'symlink', linkname: '/etc/alternatives/awk' });
  add({ name: 'usr/bin/dir', type: 'link', linkname: 'usr/bin/ls' });
  add({ name: 'var/run', type: 'symlink', linkname: '/run' });
  tar.finalize();
  await written;
}

/** The programs and their libraries: where they lie in the root file system, and here. */
function filesOfPrograms(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const program of programs) {
    const file = realpathSync(`/usr/bin/${program}`);
    files.set(`usr/bin/${program}`, file);
    for (const [library] of execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/\/\S+/g)) {
      files.set(library.replace(/^\/(usr\/)?/, 'usr/'), realpathSync(library));
    }
  }
  return files;
}

function exportedJob(name: string, script: string, network: string): string {
  const file = join(rig.folder, `${name}.yaml`);
  const job = {
    ...{ name, tasks: { count: 2 }, outputs: ['out.txt'], retries: 0, network },
    bundles: { [architecture]: { file: 'exported.tar', rootFileSystem: true } },
    command: ['sh', '-euc', script.replaceAll('{', '{{'), 'sh', '{index}'],
    profile: { work: '1 GHz*s', output: '1 kB' },
  };
  writeFileSync(file, stringify(job));
  return file;
}

async function run(name: string, script: string, network = 'none'): Promise<string> {
  const { jobId } = await rig.submit(exportedJob(name, script, network));
  const job = await rig.untilJob(jobId, ({ state }) => state !== JobState.ACTIVE);
  const endCodes = (await rig.tasks(jobId)).map(({ endCode }) => endCode);
  expect(job.state, endCodes.join()).toBe(JobState.SUCCEEDED);
  const to = join(rig.folder, name);
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  return readFileSync(join(to, '1/out.txt'), 'utf8');
}

test('its programs run, through absolute links too, over the system folders of a task', async () => {
  const script = `cd "$PUNNET_WORK"
    cat /etc/os-release > out.txt
    awk -v task=$1 'BEGIN { print "awk of task " task }' > /tmp/line; cat /tmp/line >> out.txt
    dir -d / /var/run /bin/sh >> out.txt
    ls "$PUNNET_BUNDLE" | cat >> out.txt
    awk '/^Name/ { print $2 }' /proc/self/status > /dev/null
    awk '$2 == "/work" { print "mounted " $2 }' /etc/mtab >> out.txt`;
  expect(await run('links', script)).toBe(
    [
      'NAME=exported',
      'awk of task 1',
      ...['/', '/bin/sh', '/var/run'],
      ...['bin', 'dev', 'etc', 'lib', 'lib64', 'proc', 'run', 'sbin', 'sys'],
      ...['tmp', 'usr', 'var', 'work'],
      'mounted /work',
      '',
    ].join('\n'),
  );
});

test('nothing of the node is in it, and nothing of it can be changed', async () => {
  const script = `for path in / /etc/hosts /usr/bin/cat /run/x /dev/x /sys/x /var/run/x; do
      if (echo x > $path) 2> /dev/null; then echo "wrote $path"; fi
    done > out.txt
    ls /sys /run | cat >> out.txt; id -u | cat >> out.txt`;
  const printed = await run('walls', script);
  expect(printed).toMatch(/^\/run:\n\n\/sys:\n[1-9]\d*\n$/);
});

test("the agent's socket is in it where its job asks for it", async () => {
  const script = 'if [ -S "$PUNNET_SOCKET" ]; then echo "$PUNNET_SOCKET" > out.txt; fi';
  expect(await run('socket', script, 'federation')).toBe('/punnet/agent\n');
});
