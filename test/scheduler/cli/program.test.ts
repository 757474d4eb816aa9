// The commands against a real scheduler, where the golden sessions do not look: what is sent, what
// is kept on disk, endpoints that are not right, and the watching over restarts.
import { createHash, randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobState, TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import { openPki } from '../../../scheduler/adapters/pki/pki.ts';
import { readContextFile, writeContextFile } from '../../../scheduler/cli/context.ts';
import { Connection } from '../../../scheduler/cli/connection.ts';
import { uploadMissing } from '../../../scheduler/cli/upload.ts';
import { runProgram } from '../../../scheduler/cli/program.ts';
import { debianArmhf, tinyElf } from '../bundle/tiny-elf.ts';
import { Relay } from '../../agent/blobs/relay.ts';
import { Rig, root } from '../../integration/rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig.stop());

interface Running {
  readonly code: Promise<number>;
  out: string;
  err: string;
  readonly interrupt: AbortController;
}

/** Starts the program in this process. */
function start(...words: readonly string[]): Running {
  const interrupt = new AbortController();
  const running = { out: '', err: '', interrupt };
  const code = runProgram(words, {
    out: (text) => (running.out += text),
    err: (text) => (running.err += text),
    isTty: false,
    env: rig.env,
    signal: interrupt.signal,
    now: () => Date.now(),
  });
  return Object.assign(running, { code });
}

async function punnet(...words: readonly string[]): Promise<Running & { readonly exit: number }> {
  const running = start(...words);
  return Object.assign(running, { exit: await running.code });
}

/** Resolves when the text is there; the test's own deadline ends a wait in vain. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}

function shardJob(): string {
  const file = rig.jobFile('cat "$1"', {
    tasks: { inputs: ['*.in'] },
    command: ['cat', '{input}'],
  });
  for (const name of ['b', 'a', 'c']) {
    writeFileSync(path.join(path.dirname(file), `${name}.in`), `${name}\n`);
  }
  return file;
}

test('submit sends blobs in the place of files; inputs are sorted tasks', async () => {
  const { out, exit } = await punnet('submit', shardJob());
  expect(exit).toBe(0);
  const { jobs } = rig.connection;
  const request = { jobId: out.trim() };
  const { job } = await rig.connection.call(jobs.getJob.bind(jobs), request);
  expect(job?.counts?.total).toBe(3);
  const sha256 = job?.spec?.tasks?.manifest?.sha256 ?? '';
  const kept = readFileSync(path.join(rig.data, 'blobs', sha256.slice(0, 2), sha256));
  const entries = TaskManifest.decode(kept).tasks;
  expect(entries.map((entry) => entry.path)).toEqual(['a.in', 'b.in', 'c.in']);
});

test('a repeated submit with the same request id is one job', async () => {
  const file = shardJob();
  const first = await punnet('submit', file, '--request-id', 'mine');
  const again = await punnet('submit', file, '--request-id', 'mine');
  expect(again.out).toBe(first.out);
  expect((await punnet('submit', file)).out).not.toBe(first.out);
  expect(await punnet('submit', file, '--request-id', '')).toMatchObject({ exit: 2 });
});

test('inputs that do not fit into the disk of their task are refused, and said which', async () => {
  const file = rig.jobFile('cat "$1"', {
    ...{ tasks: { inputs: ['*.in'] }, command: ['cat', '{input}'], disk: '100 kB' },
    sharedInputs: [{ file: 'shared' }],
  });
  const folder = path.dirname(file);
  writeFileSync(path.join(folder, 'shared'), 'x'.repeat(40_000));
  writeFileSync(path.join(folder, 'a.in'), 'x'.repeat(60_000));
  expect(await punnet('submit', file)).toMatchObject({ exit: 0 });
  writeFileSync(path.join(folder, 'b.in'), 'x'.repeat(60_001));
  const { exit, err } = await punnet('submit', file);
  expect(exit).toBe(2);
  expect(err).toContain('task 1: its inputs are copied');
  expect(err).toContain('wanted disk of at least 100001 B for them, found 100000 B');
});

test('a context is kept for its owner only', async () => {
  const kept = path.join(rig.env.XDG_CONFIG_HOME, 'punnet/contexts/punnet.json');
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  const file = path.join(rig.folder, 'ada.context');
  await punnet('token', 'create', '--researcher', 'ada', '--to', file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const printed = await punnet('token', 'create', '--researcher', 'eve');
  expect(JSON.parse(printed.out)).toMatchObject({ name: 'eve' });
});

test.each([
  [['--max-tasks', '1.5'], 'wanted a whole number, 0 to 999999999'],
  [['--max-waiting', '1e300'], 'wanted a whole number, 0 to 999999999'],
  [['--max-waiting', '-1'], 'wanted a whole number, 0 to 999999999'],
  [['--weight', 'much'], 'wanted a number, 0 or more'],
  [[], 'wanted what to set: --weight, --max-tasks or --max-waiting, found none'],
])('punnet researcher set ada %j is refused', async (words, told) => {
  const { exit, err } = await punnet('researcher', 'set', 'ada', ...words);
  expect({ exit, err }).toMatchObject({ exit: 2, err: expect.stringContaining(told) });
});

test('a context is replaced by one of the same federation only', async () => {
  const own = path.join(rig.data, 'operator.context');
  expect(await punnet('context', 'add', own)).toMatchObject({ exit: 0 });
  const other = path.join(rig.folder, 'namesake.context');
  const good = await readContextFile(own);
  const { caPem } = await openPki(mkdtempSync(path.join(rig.folder, 'namesake-')), []);
  await writeContextFile(other, { ...good, caPem });
  const ran = await punnet('context', 'add', other);
  expect(ran.exit).toBe(2);
  expect(ran.err).toContain('context "punnet" is kept already, for another scheduler');
  expect(await punnet('sites')).toMatchObject({ exit: 0 });
  await writeContextFile(other, { ...good, caPem, name: 'namesake' });
  expect(await punnet('context', 'add', other)).toMatchObject({ exit: 0 });
});

test.each([
  [
    { endpoint: 'localhost:1' },
    5,
    'cannot reach the scheduler at localhost:1 (connect ECONNREFUSED 127.0.0.1:1): check that',
  ],
  [{ token: 'pnt_forged' }, 4, 'This token is unknown here: ask an operator'],
  [{ name: 'a/b' }, 2, 'other.context: name: wanted letters, digits'],
  [{ caPem: 'none' }, 2, 'other.context: caPem: wanted a PEM certificate'],
])('a context with %j ends with %i', async (changes, exit, told) => {
  const good = await readContextFile(path.join(rig.data, 'operator.context'));
  const file = path.join(rig.folder, 'other.context');
  await writeContextFile(file, { ...good, ...changes });
  const ran = await punnet('jobs', '--context', file);
  expect(ran.err).toContain(told);
  expect(ran).toMatchObject({ exit, out: '' });
});

test('what is no context file is told with where such files come from', async () => {
  const file = path.join(rig.folder, 'text.context');
  writeFileSync(file, 'garbage');
  for (const words of [file, path.join(rig.folder, 'none.context')]) {
    const { exit, err } = await punnet('context', 'add', words);
    expect(exit).toBe(2);
    expect(err).toContain(
      '<data>/operator.context, and an operator makes more (punnet token create',
    );
  }
});

test('a list in a list of commands is one for spreadsheets, too', async () => {
  const { out, exit } = await punnet('token', 'list', '--output', 'csv');
  expect({ exit, header: out.split(',', 2) }).toEqual({ exit: 0, header: ['tokenId', 'role'] });
  const { err } = await punnet('token', 'revoke', 't1', '--output', 'csv');
  expect(err).toContain('audit, token list, context list), found token revoke: take json or yaml');
});

test('a scheduler that the CA did not sign is not spoken to', async () => {
  const good = await readContextFile(path.join(rig.data, 'operator.context'));
  const file = path.join(rig.folder, 'other.context');
  const { caPem } = await openPki(mkdtempSync(path.join(rig.folder, 'pki-')), ['localhost']);
  await writeContextFile(file, { ...good, caPem });
  const ran = await punnet('jobs', '--context', file);
  expect(ran.exit).toBe(5);
  expect(ran.err).toContain("shows a certificate that this context's CA did not sign");
});

test('a federation in which nothing has waited says that there is no plan', async () => {
  const ran = await punnet('plan');
  expect(ran).toMatchObject({ exit: 0 });
  expect(ran.out).toContain('no plan: nothing has waited since the start');
});

test('each command has an example in its help', async () => {
  const commands = [
    'submit',
    'jobs',
    'job',
    'tasks',
    'logs',
    'fetch',
    'cancel',
    'explain',
    'nodes',
  ];
  const groups = ['node', 'sites', 'site', 'token', 'context'];
  const inner = [
    'node show',
    'node revoke',
    'site show',
    'site set',
    'site set-node',
    'sites import',
    'token create',
    'token list',
  ];
  const more = [
    'plan',
    'shares',
    'researcher',
    'researcher set',
    'token revoke',
    'context add',
    'context list',
    'context use',
    'context show',
  ];
  for (const words of [...commands, ...groups, ...inner, ...more]) {
    const ran = await punnet(...words.split(' '), '--help');
    expect(ran, words).toMatchObject({ exit: 0 });
    expect(ran.out, words).toMatch(/\nExamples?:\n {2}(JOB=\$\()?punnet /);
  }
});

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a watcher waits while the scheduler is away (%s), and goes on',
  async (signal) => {
    const { jobId } = await rig.submit(shardJob());
    const watching = start('job', jobId, '--watch', '--output', 'json');
    await until(() => watching.out.includes('JOB_STATE_ACTIVE'));
    await rig.scheduler.kill(signal);
    await until(() => watching.err.includes('the scheduler went away, waiting for it\n'));
    await rig.startScheduler();
    await until(() => watching.err.includes('the scheduler is back\n'));
    const { jobs } = rig.connection;
    await rig.connection.call(jobs.cancelJob.bind(jobs), { jobId });
    expect(await watching.code).toBe(1);
    const last: unknown = JSON.parse(watching.out.trimEnd().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({ jobId, state: 'JOB_STATE_CANCELLED' });
  },
);

test('Ctrl-C stops the watching, not the job', async () => {
  const { jobId } = await rig.submit(shardJob());
  const watching = start('job', jobId, '--watch');
  await until(() => watching.out.includes('active'));
  watching.interrupt.abort();
  expect(await watching.code).toBe(130);
  expect(watching.err).toContain(
    `stopped watching; the job goes on: "punnet job ${jobId} --watch"`,
  );
  const { jobs } = rig.connection;
  const { job } = await rig.connection.call(jobs.getJob.bind(jobs), { jobId });
  expect(job?.state).toBe(JobState.ACTIVE);
});

test('a bundle that misstates its architecture is refused before anything is uploaded', async () => {
  const file = rig.jobFile('', { bundles: { armv6l: { file: 'program' } }, tasks: { count: 1 } });
  const program = path.join(path.dirname(file), 'program/solve');
  writeFileSync(program, tinyElf({ machine: 40, attributes: debianArmhf }), { mode: 0o755 });
  const { exit, err } = await punnet('submit', file);
  expect(exit).toBe(2);
  expect(err).toMatch(
    /^\S+job\.yaml:\d+:\d+: bundles\["armv6l"\]: solve: wanted code for armv6l, /,
  );
  expect(err).not.toContain('uploaded');
});

test('an upload that is cut goes on where it was, by itself', async () => {
  const context = await readContextFile(path.join(rig.data, 'operator.context'));
  const relay = await Relay.start(Number(context.endpoint.split(':').at(-1)));
  const connection = new Connection({ ...context, endpoint: `localhost:${relay.port}` });
  try {
    const source = randomBytes(8_000_000);
    const blob = {
      sha256: createHash('sha256').update(source).digest('hex'),
      sizeBytes: source.length,
    };
    relay.cutAfterBytesUp = 6_000_000;
    let sentBytes = 0;
    await uploadMissing(connection, [{ blob, source }], (sent) => (sentBytes = sent));
    expect(sentBytes).toBe(source.length);
    expect(relay.cutAfterBytesUp).toBe(Number.POSITIVE_INFINITY);
    expect(relay.bytesUp).toBeLessThan(12_000_000);
  } finally {
    connection.close();
    relay.stop();
  }
});

test('the one file of the CLI works alone, where nothing else of the project is', async () => {
  const folder = mkdtempSync(path.join(rig.folder, 'laptop-'));
  const file = path.join(folder, 'punnet.cjs');
  copyFileSync(path.join(root, 'dist/punnet.cjs'), file);
  const run = (...words: readonly string[]) =>
    promisify(execFile)(process.execPath, [file, ...words], { cwd: folder, env: rig.env });
  const submitted = await run('submit', shardJob(), '--output', 'yaml');
  expect(submitted.stdout).toMatch(/^jobId: j/);
  expect((await run('jobs', '--output', 'csv')).stdout).toMatch(/^jobId,researcher,spec\.name,/);
  await expect(run('cancel', 'any', '--output', 'csv')).rejects.toMatchObject({ code: 2 });
});
