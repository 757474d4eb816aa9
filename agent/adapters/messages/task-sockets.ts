// The agent's unix sockets in the sandboxes of tasks whose job asked for one: HTTP, by which its tasks say
// short messages to each other. Of everything else a sandbox has no network.

import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskMessage } from '../../../proto/gen/punnet/v1/agent.ts';
import { attemptFiles, socketIn } from '../sandbox/attempt-spec.ts';
import { canChangeUser, taskUid } from '../sandbox/task-user.ts';
import { TaskSocket } from './task-socket.ts';

/** As the scheduler takes them from a node; more would be lost without a word. */
export const messagesPerSecond = 2;
export const burstMessages = 64;

/** What came of something that a task says, as a status of HTTP and words for its researcher. */
export interface Said {
  readonly status: number;
  readonly words: string;
}

export interface TaskSocketsOptions {
  /** False: the bus is away. */
  readonly say: (message: TaskMessage) => boolean;
  /** Whether the owner's month has bytes left. */
  readonly mayTransfer: () => boolean;
  readonly nowMs: () => number;
}

export class TaskSockets {
  readonly #options: TaskSocketsOptions;
  readonly #sockets = new Map<number, TaskSocket>();
  #room = burstMessages;
  #roomAtMs = 0;

  constructor(options: TaskSocketsOptions) {
    this.#options = options;
  }

  /** Before the attempt starts, and again in a new agent. Throws a SandboxError where there can be none. */
  async open(leaseId: number, attemptFolder: string): Promise<void> {
    this.close(leaseId);
    const folder = join(attemptFolder, attemptFiles.socketFolder);
    mkdirSync(folder, { recursive: true });
    // What an agent left that was killed. The folder stays: the sandbox of a running task has that one.
    rmSync(socketIn(folder), { force: true });
    // Nobody else on the machine is to speak for the task.
    chmodSync(folder, 0o700);
    const uid = taskUid(attemptFolder);
    if (canChangeUser) chownSync(folder, uid, uid);
    const socket = await TaskSocket.listen({
      ...{ leaseId, folder },
      say: (taskIndex, body) => this.#say({ leaseId, taskIndex, body }),
    });
    this.#sockets.set(leaseId, socket);
  }

  /** Whoever still listens there gets no more. */
  close(leaseId: number): void {
    this.#sockets.get(leaseId)?.close();
    this.#sockets.delete(leaseId);
  }

  /** What another task says. Dropped where nobody could ever read it. */
  take({ leaseId, taskIndex, body }: TaskMessage): void {
    this.#sockets.get(leaseId)?.put({ taskIndex, body });
  }

  stop(): void {
    for (const leaseId of [...this.#sockets.keys()]) this.close(leaseId);
  }

  #say(message: TaskMessage): Said {
    const { say, mayTransfer, nowMs } = this.#options;
    if (!mayTransfer()) {
      return { status: 503, words: 'the node may send nothing more in this month' };
    }
    const grown = this.#room + ((nowMs() - this.#roomAtMs) / 1_000) * messagesPerSecond;
    this.#room = Math.min(burstMessages, grown);
    this.#roomAtMs = nowMs();
    if (this.#room < 1) {
      const words = `a node says ${messagesPerSecond} messages a second, and ${burstMessages} at once: wait`;
      return { status: 429, words };
    }
    if (!say(message)) return { status: 503, words: 'the scheduler is away: try again later' };
    this.#room -= 1;
    return { status: 202, words: 'on its way' };
  }
}
