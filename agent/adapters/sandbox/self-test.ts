// Finds what this machine can enforce, by really running a small hostile script in the chain.

import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AttemptSpec, Backend } from './attempt-spec.ts';
import { attemptMark, isMemoryGrouped, SandboxError } from './attempt-spec.ts';
import { CgroupV1 } from './cgroup-v1.ts';
import { CgroupV2 } from './cgroup-v2.ts';
import { cgroupOf } from './cgroup.ts';
import { runChain, type RunChain } from './run-chain.ts';
import { canChangeUser, taskUid } from './task-user.ts';

/** What this node can hold a task to. */
export interface Abilities {
  readonly backend: Backend;
  readonly hasNamespaces: boolean;
  readonly memoryLimit: 'cgroup' | 'address-space';
  readonly hasProcessLimit: boolean;
  readonly hasCpuLimit: boolean;
  /** From spawn of the chain to the end of the check, in milliseconds. */
  readonly startMs: number;
  /** For the owner: what is missing and what would bring it. */
  readonly problems: readonly string[];
}

/** Each line is one escape; the script says `held` when all of them failed. */
const hostileScript = [
  'head -c1 /etc/shadow >/dev/null 2>&1 && exit 11',
  '(echo x > /usr/punnet-escape) 2>/dev/null && exit 12',
  '(echo x > /punnet-escape) 2>/dev/null && exit 13',
  '[ "$(ls -d /proc/[0-9]* | wc -l)" -gt 8 ] && exit 14',
  '[ "$(grep -c : /proc/net/dev)" -gt 1 ] && exit 15',
  '[ -e /home ] && exit 16',
  'echo x > /work/probe || exit 17',
  'echo held',
].join('\n');

/** The check runs behind all else (nice), and a machine that starts is busy: of fifty agents that started
 * at once on two cores some needed more than 10 s, and one that gives up offers nothing until it starts anew. */
const mostCheckMs = 120_000;

const howToNamespaces =
  ' (allow user namespaces: sysctl user.max_user_namespaces; install bubblewrap)';

/**
 * Tries the strongest back end first.
 *
 * @param checkMs how long one may take, in milliseconds.
 * @throws {SandboxError} `unusable` when not even rlimits work.
 */
export async function testAbilities(folder: string, checkMs = mostCheckMs): Promise<Abilities> {
  const hasV1 = canChangeUser && CgroupV1.isUsable();
  const given = hasV1 ? null : CgroupV2.prepare();
  const candidates = backendsFor(hasV1, given);
  const problems = candidates.some(isMemoryGrouped) ? [] : [memoryProblem(CgroupV2.kernelHas())];
  for (const backend of candidates) {
    const startedMs = performance.now();
    const outcome = await tryBackend(folder, backend, checkMs);
    if (outcome === null) {
      return {
        backend,
        hasNamespaces: backend !== 'bare',
        memoryLimit: isMemoryGrouped(backend) ? 'cgroup' : 'address-space',
        hasProcessLimit: true,
        hasCpuLimit: backend === 'cgroup-v1' || given?.includes('cpu') === true,
        startMs: Math.round(performance.now() - startedMs),
        problems,
      };
    }
    problems.push(`${backend}: ${outcome}`);
  }
  throw new SandboxError('unusable', `sandbox: no back end works here: ${problems.join('; ')}`);
}

/** Why memory is held by address space only, and what helps. `kernelHas`: controllers of cgroup v2. */
export function memoryProblem(kernelHas: readonly string[]): string {
  return kernelHas.includes('memory')
    ? 'no memory cgroup was delegated to this process, as systemd does to punnet-agent.service: ' +
        'memory is held by address space only'
    : 'no memory cgroup: memory is held by address space only; on Raspberry Pi OS add ' +
        'cgroup_enable=memory to /boot/firmware/cmdline.txt';
}

/**
 * What may hold tasks, strongest first.
 *
 * @param given controllers of cgroup v2 that were delegated; null: no group at all.
 */
export function backendsFor(hasV1: boolean, given: readonly string[] | null): readonly Backend[] {
  const groups: Backend[] = [];
  if (hasV1) groups.push('cgroup-v1');
  else if (given?.includes('memory') === true) groups.push('cgroup-v2');
  // A task that can be frozen and ended as a whole is worth a group without any limit.
  else if (given !== null) groups.push('cgroup-v2-rlimit');
  return [...groups, 'rlimit', 'bare'];
}

/** Null when the back end held, else what went wrong. */
async function tryBackend(
  parent: string,
  backend: Backend,
  checkMs: number,
): Promise<string | null> {
  const folder = mkdtempSync(join(parent, 'self-test-'));
  const bundlePath = join(folder, 'bundle');
  const workPath = join(folder, 'work');
  const cgroup = cgroupOf(backend, attemptMark(folder));
  const spec: AttemptSpec = {
    leaseId: 0,
    command: ['/bin/sh', '-c', backend === 'bare' ? 'echo held' : hostileScript],
    environment: {},
    bundlePath,
    isRootFileSystem: false,
    checkpointPath: null,
    hasSocket: false,
    workPath,
    timeoutMs: checkMs,
    memoryBytes: 64 << 20,
    diskBytes: 1 << 20,
    maxProcesses: 16,
    backend,
  };
  try {
    chmodSync(folder, 0o711);
    mkdirSync(bundlePath);
    mkdirSync(workPath);
    if (canChangeUser) chownSync(workPath, taskUid(folder), taskUid(folder));
    cgroup?.create(spec);
    const chain = runChain(spec, folder, cgroup?.entryFiles() ?? []);
    return await runCheck(chain, workPath, checkMs);
  } catch (error) {
    return String(error);
  } finally {
    for (let round = 0; cgroup !== null && round < 50; round += 1) {
      // Killed processes leave their group a moment later.
      if (cgroup.kill() && cgroup.remove()) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function runCheck({ file, args }: RunChain, cwd: string, timeout: number): Promise<string | null> {
  return new Promise((resolve) => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };
    execFile(file, args, { cwd, env, timeout }, (error, stdout) => {
      if (stdout.trim() === 'held') return resolve(null);
      if (error?.killed === true) return resolve(`no end of the check within ${timeout} ms`);
      const status = error === null ? 0 : (error.code ?? error.signal);
      const said = stdout.trim().slice(0, 200);
      resolve(`check ended with ${String(status)}: ${said}${howToNamespaces}`);
    });
  });
}
