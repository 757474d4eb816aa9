// Prepares the folder of an attempt, so that its start has nothing left to do but to spawn.

import { chmodSync, chownSync, lchownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attemptFiles, SandboxError, type AttemptSpec, type Backend } from './attempt-spec.ts';
import { writeDurably } from '../state/durable.ts';
import { takeCheckpoint } from './checkpoint.ts';
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
    for (const name of ['proc', 'dev', 'tmp', 'work']) {
      mkdirSync(join(request.bundlePath, name), { recursive: true });
    }
  }
  const spec: AttemptSpec = { ...request, backend };
  // Before anything is taken: what was taken must be known to be given back.
  writeDurably(join(folder, attemptFiles.spec), JSON.stringify(spec));
  takeCheckpoint(spec);
  chmodSync(request.workPath, 0o700);
  if (canChangeUser) giveTo(request.workPath, uid);
}

function giveTo(path: string, uid: number): void {
  chownSync(path, uid, uid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const full = join(path, entry.name);
    if (entry.isDirectory()) giveTo(full, uid);
    else lchownSync(full, uid, uid);
  }
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
