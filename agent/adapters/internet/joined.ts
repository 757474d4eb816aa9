// Two sockets whose bytes go over to each other, until both ways have ended or one of the sockets is gone.

import type { Socket } from 'node:net';
import { pipeline, type Transform } from 'node:stream';

export interface Ends {
  readonly task: Socket;
  readonly host: Socket;
  /** What bytes pass on their way. */
  readonly up: readonly Transform[];
  readonly down: readonly Transform[];
  /** How long a host may be silent when the task has ended its own way. */
  readonly endedMs: number;
}

/** A task's socket that is closed looks like one that has only said all: a host that is silent then is waited for by nobody. */
export function join({ task, host, up, down, endedMs }: Ends): void {
  const ended = (error: Error | null | undefined): void => {
    if (!error) return;
    task.destroy();
    host.destroy();
  };
  pipeline([task, ...up, host], ended);
  pipeline([host, ...down, task], ended);
  task.once('end', () => host.setTimeout(endedMs, () => host.destroy()));
}
