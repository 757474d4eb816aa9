// Leases of lines to be measured: tells a node that it may, and the core what came of it.

import { randomBytes } from 'node:crypto';
import type { ProbeTask } from '../../../proto/gen/punnet/v1/agent.ts';
import { nonceBytes, trainPacketBytes } from '../../../proto/trains.ts';
import type { Effect, NodeId, UplinkProbed } from '../../core/index.ts';
import type { Probes } from './probes.ts';
import { packetsMost } from './trains.ts';

export interface ProbeLeasesOptions {
  readonly probes: Pick<Probes, 'measure' | 'port'>;
  /** Where nodes reach them. */
  readonly host: string;
  readonly send: (nodeId: NodeId, task: ProbeTask) => void;
  readonly submit: (command: UplinkProbed) => void;
}

export class ProbeLeases {
  readonly #options: ProbeLeasesOptions;

  constructor(options: ProbeLeasesOptions) {
    this.#options = options;
  }

  /** Resolves when the core has its answer. Never rejects. */
  async carryOut(effect: Extract<Effect, { kind: 'probe' }>): Promise<void> {
    const { probes, host, send, submit } = this.#options;
    const { nodeId, siteNumber, leasedAt } = effect;
    const nonce = randomBytes(nonceBytes);
    const measuring = probes.measure(nonce);
    const maxBytes = packetsMost * trainPacketBytes;
    send(nodeId, { host, port: probes.port, nonce, maxBytes });
    const { downBps, upBps, sentBytes, receivedBytes } = await measuring;
    const bytes = sentBytes + receivedBytes;
    submit({ kind: 'uplinkProbed', siteNumber, leasedAt, downBps, upBps, bytes });
  }
}
