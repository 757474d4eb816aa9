// Prepares the folder of an attempt, so that its start has nothing left to do but to spawn.

import { chmodSync, chownSync, lchownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attemptFiles, SandboxError, type AttemptSpec, type Backend } from './attempt-spec.ts';
import { writeDurably } from '../state/durable.ts';
import { checkpointIn, takeCheckpoint } from './checkpoint.ts';
import { canChangeUser, taskUid } from './task-user.ts';

/** What a caller asks for; the back end is the sandbox's own finding. */
export type StartRequest = Omit<AttemptSpec, 'backend'>;

/** Gives the work folder to the task's user and writes attempt.json. May be repeated. */
export function stageAttempt(folder: string, request: StartRequest, backend: Backend): void {
  assertRequest(request);
  mkdirSync(request.workPath, { recursive: true });
  chmodSync(folder, 0o711);
  const uid = taskUid(folder);
  writeFileSync(
    join(folder, attemptFiles.passwd),
    `root:x:0:0:root:/:/bin/false\ntask:x:${uid}:${uid}:task:/work:/bin/sh\n`,
  );
  writeFileSync(join(folder, attemptFiles.group), `root:x:0:\ntask:x:${uid}:\n`);
  if (request.isRootFileSystem) {
    for (const name of ['proc', 'dev', 'tmp', 'work', ...(request.hasSocket ? ['punnet'] : [])]) {
      mkdirSync(join(request.bundlePath, name), { recursive: true });
    }
  }
  const spec: AttemptSpec = { ...request, backend };
  // Before anything is taken: what was taken must be known to be given back.
  writeDurably(join(folder, attemptFiles.spec), JSON.stringify(spec));
  takeCheckpoint(spec);
  chmodSync(request.workPath, 0o700);
  if (canChangeUser) giveAll(spec, uid);
}

/**
 * A checkpoint was another task user's: what is not that user's own was linked there from elsewhere,
 * and stays whose it is. The rest of the work folder no task has seen yet.
 */
function giveAll({ workPath, checkpointPath }: AttemptSpec, uid: number): void {
  if (checkpointPath !== null) {
    const checkpoint = checkpointIn(workPath);
    const owner = lstatSync(checkpoint).uid;
    giveTo(checkpoint, uid, (path) => lstatSync(path).uid === owner);
    giveTo(workPath, uid, (path) => path !== checkpoint);
  } else giveTo(workPath, uid, () => true);
}

/** The folder itself last: until all is given it tells whose it was. */
function giveTo(path: string, uid: number, isToGive: (path: string) => boolean): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const full = join(path, entry.name);
    if (!isToGive(full)) continue;
    if (entry.isDirectory()) giveTo(full, uid, isToGive);
    else lchownSync(full, uid, uid);
  }
  chownSync(path, uid, uid);
}

/** Our own bug if it fails: the edge validated the lease. */
function assertRequest(request: StartRequest): void {
  const isBounded = request.timeoutMs > 0 && request.timeoutMs < 2 ** 31;
  if (!isBounded || request.command.length === 0) {
    throw new SandboxError(
      'bad_attempt',
      `lease ${request.leaseId}: wanted a command and a timeout of 1 to 2147483647 ms, ` +
        `found ${request.command.length} words and ${request.timeoutMs} ms`,
    );
  }
}
