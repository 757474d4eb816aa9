// A checkpoint goes from one attempt of a task to the next: from none that succeeded, to no other
// task, and as nothing but a folder.

import { chownSync, existsSync, linkSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { AttemptSpec } from '../../../agent/adapters/sandbox/attempt-spec.ts';
import {
  checkpointOf,
  keepCheckpoint,
  takeCheckpoint,
} from '../../../agent/adapters/sandbox/checkpoint.ts';
import { Sandbox } from '../../../agent/adapters/sandbox/sandbox.ts';
import { stageAttempt } from '../../../agent/adapters/sandbox/stage.ts';
import { canChangeUser, taskUid } from '../../../agent/adapters/sandbox/task-user.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let attempts = 0;

/** An attempt of a task whose checkpoint folder the task has dealt with. */
function attempt(task: string, deal: (checkpoint: string) => void = () => undefined) {
  attempts += 1;
  const own = join(folder, 'attempts', String(attempts));
  const workPath = join(own, 'work');
  mkdirSync(workPath, { recursive: true });
  mkdirSync(join(folder, 'kept'), { recursive: true });
  const checkpointPath = checkpointOf(join(folder, 'kept'), { jobId: task, taskIndex: 3 });
  const diskBytes = 1 << 20;
  const spec = { leaseId: attempts, command: ['true'], workPath, checkpointPath, diskBytes };
  writeFileSync(join(own, 'attempt.json'), JSON.stringify(spec));
  const checkpoint = join(workPath, 'checkpoint');
  takeCheckpoint(spec as unknown as AttemptSpec);
  const found = existsSync(checkpoint) ? readdirSync(checkpoint) : [];
  deal(checkpoint);
  const end = (code: string | null): void => {
    const exit = { code, exitCode: 1, cpuMs: 0, wallMs: 0, detail: '' };
    if (code !== null) writeFileSync(join(own, 'exit.json'), JSON.stringify(exit));
    keepCheckpoint(own);
  };
  return { found, end };
}

const leave =
  (name: string) =>
  (checkpoint: string): void =>
    writeFileSync(join(checkpoint, name), 'state');

it.each([
  ['exited', ['a']],
  ['timeout', ['a']],
  ['lost', ['a']],
  ['owner', ['a']],
  ['cancelled', ['a']],
  [null, ['a']],
  ['succeeded', []],
])('after an attempt that ended as %s the next one finds %j', (code, wanted) => {
  const task = `ended-${String(code)}`;
  attempt(task, leave('a')).end(code);
  expect(attempt(task).found).toEqual(wanted);
});

it('finds what was left last, and nothing of another task', () => {
  attempt('again', leave('a')).end('exited');
  attempt('again', leave('b')).end('exited');
  expect(attempt('other').found).toEqual([]);
  expect(attempt('again').found).toEqual(['a', 'b']);
});

it.each([
  ['a link out', (path: string) => symlinkSync('/etc', path)],
  ['a file', (path: string) => writeFileSync(path, '')],
  ['nothing', () => undefined],
])('where the task put %s in its place the next one finds an empty folder', (name, put) => {
  const task = name.replaceAll(' ', '-');
  attempt(task, (path) => {
    rmSync(path, { recursive: true });
    put(path);
  }).end('exited');
  expect(attempt(task).found).toEqual([]);
});

it.each([
  [
    'fills the disk limit alone',
    (path: string) => writeFileSync(join(path, 'a'), Buffer.alloc(2 << 20)),
  ],
  ['has paths that are too long', (path: string) => deepen(path)],
])('is not kept where it %s', (name, fill) => {
  const task = name.replaceAll(' ', '-');
  attempt(task, fill).end('out_of_disk');
  expect(attempt(task).found).toEqual([]);
});

it('is kept of an attempt that was over the limit elsewhere', () => {
  attempt('elsewhere', leave('a')).end('out_of_disk');
  expect(attempt('elsewhere').found).toEqual(['a']);
});

it('outlives an agent that was killed while it removed an attempt that never started', async () => {
  const state = join(folder, 'state');
  const sandbox = new Sandbox({ stateFolder: state, shimCommand: ['false'] });
  const aside = join(state, 'attempts/unstarted-0011');
  const workPath = join(state, 'attempts/7/work');
  const checkpointPath = sandbox.checkpointOf({ jobId: 'aside', taskIndex: 0 });
  mkdirSync(join(aside, 'work/checkpoint/a'), { recursive: true });
  const spec = { leaseId: 7, command: ['true'], workPath, checkpointPath, diskBytes: 1 << 20 };
  writeFileSync(join(aside, 'attempt.json'), JSON.stringify(spec));
  await sandbox.adopt();
  sandbox.close();
  expect(readdirSync(checkpointPath)).toEqual(['a']);
});

/** Deep, but still so that it can be removed. */
function deepen(path: string): void {
  let end = path;
  while (end.length < 3_840) end = join(end, 'x'.repeat(200).slice(0, 3_840 - end.length));
  mkdirSync(end, { recursive: true });
}

it('is lost with no end of the agent between two steps', () => {
  const first = attempt('killed', leave('a'));
  first.end('exited');
  first.end('exited');
  expect(attempt('killed').found).toEqual(['a']);
});

it('is not kept for an attempt of the version before, which knew none', () => {
  const own = join(folder, 'attempts/old');
  mkdirSync(join(own, 'work/checkpoint'), { recursive: true });
  writeFileSync(
    join(own, 'attempt.json'),
    JSON.stringify({ leaseId: 1, command: ['true'], workPath: join(own, 'work') }),
  );
  keepCheckpoint(own);
  expect(readdirSync(join(own, 'work'))).toEqual(['checkpoint']);
});

it('goes to the next attempt without what its task could link from elsewhere', ({ skip }) => {
  skip(!canChangeUser, 'only root can give files to a user of a task');
  const secret = join(folder, 'secret');
  writeFileSync(secret, '', { mode: 0o600 });
  const checkpointPath = join(folder, 'linked');
  const before = taskUid(join(folder, 'attempts/before'));
  mkdirSync(join(checkpointPath, 'deep'), { recursive: true });
  writeFileSync(join(checkpointPath, 'deep/own'), 'state');
  for (const path of ['deep/own', 'deep', '']) {
    chownSync(join(checkpointPath, path), before, before);
  }
  // What a kernel with fs.protected_hardlinks=0 lets a task do where it has no mounts of its own.
  linkSync(secret, join(checkpointPath, 'deep/secret'));

  const own = join(folder, 'attempts/after');
  const work = join(own, 'work');
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'input'), '');
  const request = {
    ...{ leaseId: 1, command: ['true'], environment: {}, isRootFileSystem: false },
    hasSocket: false,
    ...{ bundlePath: folder, workPath: work, checkpointPath, maxProcesses: 1 },
    ...{ timeoutMs: 1, memoryBytes: 1, diskBytes: 1 << 20 },
  };
  // A second time, as after an agent that was killed midway.
  for (const round of [1, 2]) {
    stageAttempt(own, request, 'bare');
    const given = ['', 'input', 'checkpoint', 'checkpoint/deep', 'checkpoint/deep/own'];
    const uids = given.map((path) => statSync(join(work, path)).uid);
    expect(uids, String(round)).toEqual(given.map(() => taskUid(own)));
    expect(statSync(secret).uid).toBe(0);
  }
});

it.each(['../x', 'a/b', '', '.'])('refuses the id %j of a job', (jobId) => {
  expect(() => checkpointOf(folder, { jobId, taskIndex: 0 })).toThrow('no id of a job');
});
