// Limits by cgroup v1 controllers, as on kernels and CI machines whose v2 has no memory controller.
// One group an attempt below /sys/fs/cgroup/<controller>/punnet/.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { Cgroup, CgroupLimits } from './cgroup.ts';

const controllers = ['memory', 'pids', 'cpu', 'cpuacct'] as const;
const base = '/sys/fs/cgroup';
/**
 * Of 1,024 that a process has: all tasks together keep about a tenth of a core that an owner's
 * program wants, so that they go on.
 */
const sharesOfTasks = 100;

/** The groups of one attempt, one in each hierarchy. */
export class CgroupV1 implements Cgroup {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** True when this process may make groups in every controller that limits need. */
  static isUsable(): boolean {
    const probe = new CgroupV1(`probe-${process.pid}`);
    try {
      probe.create({ memoryBytes: 64 << 20, maxProcesses: 16 });
      return true;
    } catch {
      return false;
    } finally {
      probe.remove();
    }
  }

  create(limits: CgroupLimits): void {
    for (const controller of controllers) {
      if (!existsSync(`${base}/${controller}/cgroup.procs`)) {
        throw new Error(`cgroup v1 controller ${controller}: not mounted at ${base}`);
      }
      mkdirSync(this.#folder(controller), { recursive: true });
    }
    this.limit(limits);
    writeFileSync(`${base}/cpu/punnet/cpu.shares`, String(sharesOfTasks));
  }

  limit(limits: CgroupLimits): void {
    this.#write('memory', 'memory.limit_in_bytes', limits.memoryBytes);
    try {
      this.#write('memory', 'memory.memsw.limit_in_bytes', limits.memoryBytes);
    } catch {
      // Kernels without swap accounting: the task can swap, its memory is still bounded.
    }
    this.#write('pids', 'pids.max', limits.maxProcesses);
  }

  holdCpu(percent: number): boolean {
    this.#write('cpu', 'cpu.cfs_period_us', 100_000);
    this.#write('cpu', 'cpu.cfs_quota_us', percent >= 100 ? -1 : Math.round(percent * 1000));
    return true;
  }

  /** Its freezer is a hierarchy of its own, which few machines still have. */
  freeze(): boolean {
    return false;
  }

  entryFiles(): readonly string[] {
    return controllers.map((controller) => `${this.#folder(controller)}/cgroup.procs`);
  }

  pids(): readonly number[] {
    const text = this.#read('pids', 'cgroup.procs') ?? '';
    return text.split('\n').filter(Boolean).map(Number);
  }

  oomKills(): number {
    return Number(
      /oom_kill (\d+)/.exec(this.#read('memory', 'memory.oom_control') ?? '')?.[1] ?? 0,
    );
  }

  refusedForks(): number {
    return Number(/max (\d+)/.exec(this.#read('pids', 'pids.events') ?? '')?.[1] ?? 0);
  }

  cpuMs(): number | null {
    const text = this.#read('cpuacct', 'cpuacct.usage');
    return text === null ? null : Math.round(Number(text) / 1e6);
  }

  kill(): boolean {
    const pids = this.pids();
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Ended in between.
      }
    }
    return pids.length === 0;
  }

  remove(): boolean {
    let isGone = true;
    for (const controller of controllers) {
      try {
        rmdirSync(this.#folder(controller));
      } catch {
        isGone &&= !existsSync(this.#folder(controller));
      }
    }
    return isGone;
  }

  #folder(controller: string): string {
    return `${base}/${controller}/punnet/${this.#name}`;
  }

  #write(controller: string, file: string, value: number): void {
    writeFileSync(`${this.#folder(controller)}/${file}`, String(value));
  }

  #read(controller: string, file: string): string | null {
    try {
      return readFileSync(`${this.#folder(controller)}/${file}`, 'latin1');
    } catch {
      return null;
    }
  }
}
