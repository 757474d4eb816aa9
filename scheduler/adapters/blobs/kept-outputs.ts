// Outputs that stay on the nodes that made them, when they are wanted elsewhere: asks the node until they are here, as long as
// somebody waits.

import type { KeptWanted } from '../../../proto/gen/punnet/v1/agent.ts';
import type { Keeper, View } from '../../core/index.ts';
import { jobId, nodeId } from '../../core/index.ts';
import type { BlobStore } from './blob-store.ts';
import type { CapabilitySigner } from './capability.ts';

/** An output of a task that is not here, perhaps. */
export interface WantedOutput {
  readonly jobId: string;
  readonly taskIndex: number;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Why it does not come. `away`: its node may come back; `gone`: nobody has it any more; `late`: its node has not sent it. */
export interface KeptProblem {
  readonly code: 'away' | 'gone' | 'late';
  readonly text: string;
}

interface Bringing {
  readonly wanted: WantedOutput;
  readonly untilMs: number;
  readonly waiters: Set<(problem: KeptProblem | null) => void>;
  readonly timer: NodeJS.Timeout;
}

export interface KeptOutputsOptions {
  readonly blobs: Pick<BlobStore, 'size'>;
  readonly signer: Pick<CapabilitySigner, 'sign'>;
  readonly view: () => Pick<View, 'keeper'>;
  readonly send: (node: string, wanted: KeptWanted) => void;
  /** An output has come; others of its task may not have. */
  readonly onCame: (wanted: WantedOutput) => void;
  readonly nowUnixMs: () => number;
  readonly askEveryMs?: number;
}

/** A message may be lost, and its node may start anew. */
const askEveryMs = 5_000;
/** For all of it at 4 kB/s, and this: behind a thin line others may be first. */
const patienceMs = 10 * 60_000;
const bytesPerMs = 4;
const rightMs = 24 * 3_600_000;
/** Different blobs that may still come though nobody waits; of what is forgotten the daily look at blobs finds out. */
const askedMost = 10_000;

export class KeptOutputs {
  readonly #options: KeptOutputsOptions;
  /** By job, task and hash: equal bytes of two tasks are two outputs, with keepers of their own. */
  readonly #bringing = new Map<string, Bringing>();
  /** By hash and job and task: what nodes may be sending, whether or not somebody still waits. */
  readonly #asked = new Map<string, Map<string, WantedOutput>>();

  constructor(options: KeptOutputsOptions) {
    this.#options = options;
  }

  /** Resolves with null when the output is here, or with why it won't be; when `signal` is aborted, nobody asks for it any more. */
  async bring(wanted: WantedOutput, signal: AbortSignal): Promise<KeptProblem | null> {
    if (await this.#isHere(wanted)) {
      // It came when nobody here knew whose it was: before a restart, or as another task's.
      if (this.#keeperOf(wanted)?.isSent === false) this.#options.onCame(wanted);
      return null;
    }
    if (signal.aborted) return lateOf(wanted, null);
    const bringing = this.#bringing.get(keyOf(wanted)) ?? this.#begin(wanted);
    return new Promise((resolve) => {
      const end = (problem: KeptProblem | null): void => {
        signal.removeEventListener('abort', leave);
        resolve(problem);
      };
      const leave = (): void => {
        bringing.waiters.delete(end);
        if (bringing.waiters.size === 0) this.#end(wanted, lateOf(wanted, null));
        resolve(lateOf(wanted, null));
      };
      bringing.waiters.add(end);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** A blob has come: each task that left these bytes has them here, also where nobody waits any more. */
  came(sha256: string): void {
    const asked = this.#asked.get(sha256);
    this.#asked.delete(sha256);
    for (const wanted of asked?.values() ?? []) {
      this.#options.onCame(wanted);
      this.#end(wanted, null);
    }
  }

  /** The node says that it does not have it. */
  missing(node: string, sha256: string): void {
    for (const wanted of this.#asked.get(sha256)?.values() ?? []) {
      const keeper = this.#keeperOf(wanted);
      if (keeper?.nodeId !== nodeId(node)) continue;
      this.#end(wanted, { code: 'gone', text: `${placeOf(wanted, keeper)}, which has lost it` });
    }
  }

  /** Nobody waits any more. */
  stop(): void {
    for (const { wanted } of this.#bringing.values()) this.#end(wanted, lateOf(wanted, null));
  }

  #begin(wanted: WantedOutput): Bringing {
    const { nowUnixMs, askEveryMs: everyMs = askEveryMs } = this.#options;
    const bringing = {
      wanted,
      untilMs: nowUnixMs() + patienceMs + wanted.sizeBytes / bytesPerMs,
      waiters: new Set<(problem: KeptProblem | null) => void>(),
      timer: setInterval(() => void this.#look(wanted), everyMs),
    };
    this.#bringing.set(keyOf(wanted), bringing);
    this.#remember(wanted);
    queueMicrotask(() => void this.#look(wanted));
    return bringing;
  }

  #remember(wanted: WantedOutput): void {
    const { sha256 } = wanted;
    const equal = this.#asked.get(sha256) ?? new Map<string, WantedOutput>();
    equal.set(keyOf(wanted), wanted);
    this.#asked.set(sha256, equal);
    if (this.#asked.size <= askedMost) return;
    for (const [oldest, tasks] of this.#asked) {
      if ([...tasks.keys()].some((key) => this.#bringing.has(key))) continue;
      this.#asked.delete(oldest);
      return;
    }
  }

  #forget(wanted: WantedOutput): void {
    const equal = this.#asked.get(wanted.sha256);
    equal?.delete(keyOf(wanted));
    if (equal?.size === 0) this.#asked.delete(wanted.sha256);
  }

  async #look(wanted: WantedOutput): Promise<void> {
    const { sha256, sizeBytes } = wanted;
    if (await this.#isHere(wanted).catch(() => false)) return this.came(sha256);
    const bringing = this.#bringing.get(keyOf(wanted));
    if (bringing === undefined) return;
    const { signer, send, nowUnixMs } = this.#options;
    const keeper = this.#keeperOf(wanted);
    const now = nowUnixMs();
    const problem = keeper === null ? goneOf(wanted) : absence(wanted, keeper, now);
    if (keeper === null || problem !== null) return this.#end(wanted, problem);
    if (now > bringing.untilMs) return this.#end(wanted, lateOf(wanted, keeper));
    const right = {
      kind: 'put',
      nodeId: keeper.nodeId,
      maxBytes: sizeBytes,
      leaseId: null,
    } as const;
    const capability = signer.sign({ ...right, expiresUnixMs: now + rightMs });
    send(keeper.nodeId, { blob: { sha256, sizeBytes }, capability });
  }

  #end(wanted: WantedOutput, problem: KeptProblem | null): void {
    const bringing = this.#bringing.get(keyOf(wanted));
    if (bringing === undefined) return;
    this.#bringing.delete(keyOf(wanted));
    // A node that is slow may still be sending it.
    if (problem !== null && problem.code !== 'late') this.#forget(wanted);
    clearInterval(bringing.timer);
    for (const end of bringing.waiters) end(problem);
  }

  #keeperOf({ jobId: job, taskIndex }: WantedOutput): Keeper | null {
    return this.#options.view().keeper(jobId(job), taskIndex);
  }

  async #isHere({ sha256, sizeBytes }: WantedOutput): Promise<boolean> {
    return (await this.#options.blobs.size(sha256)) === sizeBytes;
  }
}

function keyOf({ jobId: job, taskIndex, sha256 }: WantedOutput): string {
  return `${job} ${taskIndex} ${sha256}`;
}

function placeOf({ taskIndex, jobId: job }: WantedOutput, { name, siteId }: Keeper): string {
  return `this output of task ${taskIndex} of job ${job} is on node ${name} (site ${siteId}) alone`;
}

function goneOf({ taskIndex, jobId: job }: WantedOutput): KeptProblem {
  return {
    code: 'gone',
    text: `no node keeps the outputs of task ${taskIndex} of job ${job} any more`,
  };
}

function absence(wanted: WantedOutput, keeper: Keeper, now: number): KeptProblem | null {
  const { isHere, isRevoked, isMonthUsed, heardAt } = keeper;
  if (isHere && !isMonthUsed) return null;
  const place = placeOf(wanted, keeper);
  if (isHere) {
    const helps = 'try again next month, or when its owner allows more';
    return {
      code: 'away',
      text: `${place}, whose owner's bytes of this month are used up: ${helps}`,
    };
  }
  if (isRevoked) return { code: 'gone', text: `${place}, which was revoked: it is lost` };
  const minutes = Math.max(1, Math.round((now - heardAt) / 60_000));
  const heard = heardAt > 0 ? `was last heard ${minutes} min ago` : 'has not been heard yet';
  return { code: 'away', text: `${place}, which ${heard}: try again when it is back` };
}

function lateOf(wanted: WantedOutput, keeper: Keeper | null): KeptProblem {
  const place =
    keeper === null
      ? `an output of task ${wanted.taskIndex} of job ${wanted.jobId} was not waited for`
      : `${placeOf(wanted, keeper)}, which has not sent it: its line is busy, or its owner's bytes of this month are used up`;
  return { code: 'late', text: `${place}; try again later` };
}
