// The commands against a real gRPC server over TLS: what they print, what they send, how they end.
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JobState, TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import { runProgram } from '../../../scheduler/cli/program.ts';
import { startFake, type FakeScheduler } from './fake-scheduler.ts';

let fake: FakeScheduler;
let home: string;

beforeEach(async () => {
  fake = await startFake();
  home = fake.folder;
  await writeContext('good');
});
afterEach(async () => fake.stop());

async function writeContext(token: string, endpoint = `127.0.0.1:${fake.port}`): Promise<void> {
  const context = { name: 'alice', endpoint, caPem: fake.caPem, token };
  await writeFile(path.join(home, 'alice.context'), JSON.stringify(context));
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function punnet(...args: string[]): Promise<Ran> {
  let out = '';
  let err = '';
  const env = {
    XDG_CONFIG_HOME: path.join(home, 'config'),
    PUNNET_CONTEXT_FILE: path.join(home, 'alice.context'),
  };
  const code = await runProgram(args, {
    out: (text) => (out += text),
    err: (text) => (err += text),
    isTty: false,
    env,
    signal: new AbortController().signal,
    now: () => 0,
  });
  return { code, out, err };
}

async function writeJob(text: string): Promise<string> {
  const file = path.join(home, 'job.yaml');
  await writeFile(file, text);
  return file;
}

const goodJob =
  'name: primes\nbundles: {x86_64: {file: program}}\ncommand: [run]\ntasks: {inputs: ["*.in"]}\n';

test('submit uploads what is missing, sends blobs only, and follows the job', async () => {
  await mkdir(path.join(home, 'program'));
  await writeFile(path.join(home, 'program/run'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(path.join(home, 'b.in'), 'b');
  await writeFile(path.join(home, 'a.in'), '');
  const file = await writeJob(goodJob);
  const ran = await punnet('submit', file, '--watch');
  expect(ran).toMatchObject({ code: 0 });
  expect(ran.out).toContain('j1 succeeded: 2/2 done');
  const [check, real] = fake.submits;
  expect(check).toMatchObject({ validateOnly: true, requestId: '' });
  expect(real?.requestId).toMatch(/^[0-9a-f-]{36}$/);
  const manifest = fake.blobs.get(real?.spec?.tasks?.manifest?.sha256 ?? '') ?? Buffer.alloc(0);
  const paths = TaskManifest.decode(manifest).tasks.map((task) => task.path);
  expect(paths).toEqual(['a.in', 'b.in']);
  expect(real?.spec?.tasks?.inputs).toEqual([]);
  for (const [sha256, bytes] of fake.blobs) {
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
  }
  const again = await punnet('submit', file);
  expect(again).toEqual({ code: 0, out: 'j1\n', err: '' });
  expect(fake.submits.at(-1)?.spec).toEqual(real?.spec);
});

test('a field that the scheduler refuses is told at its place', async () => {
  fake.refuse = { field: 'spec.timeout', description: 'wanted a span, found "5 apples"' };
  const file = await writeJob('name: a\ntimeout: 5 apples\n');
  const ran = await punnet('submit', file);
  const err = `${file}:2:10: timeout: wanted a span, found "5 apples"\n`;
  expect(ran).toEqual({ code: 2, out: '', err });
});

test('a failed job ends the watching with 1', async () => {
  fake.endState = JobState.FAILED;
  expect(await punnet('job', 'primes', '--watch')).toMatchObject({ code: 1 });
});

test('tables are plain in a pipe, JSON has every field', async () => {
  const ran = await punnet('jobs');
  expect(ran.out).toBe(
    'JOB  NAME    STATE      DONE  FAILED  RESEARCHER  SUBMITTED\n' +
      'j1   primes  succeeded  2/2   0       alice       -\n',
  );
  const json: unknown = JSON.parse((await punnet('job', 'j1', '--output', 'json')).out);
  expect(json).toMatchObject({ jobId: 'j1', state: 'JOB_STATE_SUCCEEDED', endedUnixMs: '0' });
  expect(await punnet('logs', 'primes', '0')).toEqual({ code: 0, out: 'hello\n', err: '' });
});

test('fetch writes, checks, skips and resumes', async () => {
  fake.outputs.set('out/sum.txt', Buffer.from('12345'));
  const to = path.join(home, 'results');
  await mkdir(path.join(to, '0/out'), { recursive: true });
  await writeFile(path.join(to, '0/out/sum.txt.punnet-part'), '123');
  expect(await punnet('fetch', 'primes', '--to', to)).toMatchObject({ code: 0, err: '' });
  expect(await readFile(path.join(to, '0/out/sum.txt'), 'utf8')).toBe('12345');
  expect(fake.readOffsets).toEqual([3]);
  expect((await punnet('fetch', 'j1', '--to', to)).out).toContain('1 were there');
  expect(fake.readOffsets).toEqual([3]);
});

test.each(['../x', '../../x', '/etc/x', '..'])('fetch refuses the output %s', async (name) => {
  fake.outputs.set(name, Buffer.from('bad'));
  const ran = await punnet('fetch', 'j1', '--to', path.join(home, 'results'));
  expect(ran.code).toBe(1);
  expect(ran.err).toContain(`refused the output "${name}"`);
});

test('fetch refuses to go through a symlink, and bytes of another hash', async () => {
  const to = path.join(home, 'results');
  fake.outputs.set('out/x', Buffer.from('x'));
  fake.badHash = true;
  expect((await punnet('fetch', 'j1', '--to', to)).err).toContain('wanted sha256 000');
  await expect(stat(path.join(to, '0/out/x'))).rejects.toThrow('ENOENT');
  await mkdir(path.join(home, 'linked/0'), { recursive: true });
  await symlink('/tmp', path.join(home, 'linked/0/out'));
  const ran = await punnet('fetch', 'j1', '--to', path.join(home, 'linked'));
  expect(ran).toMatchObject({ code: 1 });
  expect(ran.err).toContain('is a symlink');
});

test.each([
  { args: ['job', 'nobody'], code: 3, err: 'no job of yours has the id or the name "nobody"' },
  { args: ['jobs', '--state', 'odd'], code: 2, err: '--state: wanted one of active, succeeded' },
  { args: ['jobz'], code: 2, err: "unknown command 'jobz'" },
  { args: ['logs', 'j1', 'x'], code: 2, err: 'INDEX: wanted the whole number of a task' },
  { args: ['submit', 'gone.yaml'], code: 2, err: 'gone.yaml: no such file' },
  { args: ['node', 'n12'], code: 1, err: 'does not know this request' },
  { args: ['site', 'attic'], code: 1, err: 'does not know this request' },
  { args: ['token', 'create'], code: 2, err: 'wanted one of --node' },
  { args: ['site', 'set', 'a', '--share', '2'], code: 2, err: '--share: wanted a part' },
  { args: ['jobs', '--context', 'bob'], code: 2, err: 'no context is named "bob"' },
])('$args ends with $code', async ({ args, code, err }) => {
  const ran = await punnet(...args);
  expect(ran.code).toBe(code);
  expect(ran.err).toContain(err);
  expect(ran.err).not.toContain('    at ');
});

test('a refused token ends with 4, a silent endpoint with 5', async () => {
  await writeContext('old');
  const denied = await punnet('jobs');
  expect(denied).toMatchObject({ code: 4 });
  expect(denied.err).toContain('this token has expired');
  await writeContext('good', '127.0.0.1:1');
  const away = await punnet('jobs');
  expect(away).toMatchObject({ code: 5 });
  expect(away.err).toContain('cannot reach the scheduler at 127.0.0.1:1');
});

test('contexts are kept privately and one is current', async () => {
  const added = await punnet('context', 'add', path.join(home, 'alice.context'));
  expect(added.out).toContain('it is the current one');
  const kept = await stat(path.join(home, 'config/punnet/contexts/alice.json'));
  expect(kept.mode & 0o777).toBe(0o600);
  expect((await punnet('context', 'list')).out).toContain('*  alice');
  expect(await punnet('context', 'use', 'bob')).toMatchObject({ code: 2 });
});
