// Probes that the scheduler asks for, as far as this node's owner lets it: one at a time, few in a day, and none while it
// may not work. What its trains carry counts as the household's bytes.

import { isIP } from 'node:net';
import type { ProbeTask } from '../../../proto/gen/punnet/v1/agent.ts';
import { nonceBytes } from '../../../proto/trains.ts';
import { answerProbe } from './answer-probe.ts';

const dayMs = 24 * 3_600_000;
/** The scheduler asks for three of a whole site; whatever it does, an owner gives no more than these. */
const probesADay = 4;
const maxBytes = 150_000;

export interface ProbeTasksOptions {
  /** Whether the owner lets it work now. */
  readonly mayProbe: () => boolean;
  /** So much has gone over the line, both ways, to or from this host. */
  readonly carried: (host: string, bytes: number) => void;
  readonly nowMs: () => number;
}

export class ProbeTasks {
  readonly #options: ProbeTasksOptions;
  readonly #stopping = new AbortController();
  #startedAt: readonly number[] = [];
  #isBusy = false;

  constructor(options: ProbeTasksOptions) {
    this.#options = options;
  }

  /** Never throws; what can't be done is left. */
  take(task: ProbeTask): void {
    const { mayProbe, nowMs } = this.#options;
    if (this.#isBusy || this.#stopping.signal.aborted || !isRight(task) || !mayProbe()) return;
    const now = nowMs();
    const today = this.#startedAt.filter((at) => now - at < dayMs);
    if (today.length >= probesADay) return;
    this.#startedAt = [...today, now];
    this.#isBusy = true;
    void this.#answer(task);
  }

  close(): void {
    this.#stopping.abort();
  }

  async #answer({ host, port, nonce, maxBytes: wanted }: ProbeTask): Promise<void> {
    const lease = { host, port, nonce, maxBytes: Math.min(wanted, maxBytes) };
    const { sentBytes, receivedBytes } = await answerProbe(lease, this.#stopping.signal);
    this.#isBusy = false;
    this.#options.carried(host, sentBytes + receivedBytes);
  }
}

/** These come from outside. */
function isRight({ host, port, nonce, maxBytes: wanted }: ProbeTask): boolean {
  const isHost = isIP(host) !== 0 || /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(host);
  return isHost && port >= 1 && port <= 65_535 && nonce.length === nonceBytes && wanted > 0;
}
