// Finds out whether two nodes are on one LAN: one of them serves a nonce there, the other fetches it.
// Only who was there can know it, and only who is near has it that quickly.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { LanAnswer } from '../../../proto/gen/punnet/v1/agent.ts';
import type { LanTask } from '../../../proto/gen/punnet/v1/agent.ts';
import type { Effect, LanProved, NodeId } from '../../core/index.ts';

/** Over a home's uplink and back it takes longer; over Wi-Fi a few milliseconds. */
export const nearMs = 5;
/** The agents serve and fetch for no longer. */
const proofMs = 60_000;
/** More than are asked for in that time. */
const pendingMost = 1_024;
const nonceBytes = 32;
/** A few dozen bytes are right. */
const answerMaxBytes = 512;

export interface LanProofsOptions {
  readonly send: (nodeId: NodeId, task: LanTask) => void;
  readonly submit: (command: LanProved) => void;
  readonly nowMs: () => number;
}

interface Pending {
  readonly serverId: NodeId;
  readonly fetcherId: NodeId;
  readonly nonce: Buffer;
  readonly untilMs: number;
}

export class LanProofs {
  readonly #options: LanProofsOptions;
  /** By the proof's id, in the order in which they end. */
  readonly #pending = new Map<string, Pending>();

  constructor(options: LanProofsOptions) {
    this.#options = options;
  }

  /** The first half: the server is told what to serve. */
  ask({ serverId, fetcherId }: Extract<Effect, { kind: 'proveLan' }>): void {
    const { send, nowMs } = this.#options;
    this.#forgetOld();
    if (this.#pending.size >= pendingMost) return;
    const proofId = randomBytes(12).toString('base64url');
    const nonce = randomBytes(nonceBytes);
    this.#pending.set(proofId, { serverId, fetcherId, nonce, untilMs: nowMs() + proofMs });
    send(serverId, { proofId, nonce, address: '', port: 0 });
  }

  /** What a node answers. Never throws: these bytes come from outside. */
  hear(nodeId: NodeId, bytes: Uint8Array): void {
    this.#forgetOld();
    const answer = decode(bytes);
    const pending = answer === undefined ? undefined : this.#pending.get(answer.proofId);
    if (answer === undefined || pending === undefined) return;
    if (nodeId === pending.serverId && isPlace(answer)) {
      const { proofId, address, port } = answer;
      const nonce = Buffer.alloc(0);
      this.#options.send(pending.fetcherId, { proofId, nonce, address, port });
    } else if (nodeId === pending.fetcherId && isProof(answer, pending)) {
      const { serverId, fetcherId } = pending;
      this.#pending.delete(answer.proofId);
      this.#options.submit({ kind: 'lanProved', serverId, fetcherId });
    }
  }

  #forgetOld(): void {
    const nowMs = this.#options.nowMs();
    for (const [proofId, { untilMs }] of this.#pending) {
      if (untilMs > nowMs) return;
      this.#pending.delete(proofId);
    }
  }
}

function decode(bytes: Uint8Array): LanAnswer | undefined {
  if (bytes.length > answerMaxBytes) return undefined;
  try {
    return LanAnswer.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Agents connect to private addresses of their own LAN only; here the worst is refused already. */
function isPlace({ address, port }: LanAnswer): boolean {
  return isIPv4(address) && port >= 1_024 && port <= 65_535;
}

function isProof({ nonce, roundTripUs }: LanAnswer, pending: Pending): boolean {
  if (nonce.length !== nonceBytes || roundTripUs < 0) return false;
  return timingSafeEqual(nonce, pending.nonce) && roundTripUs <= 1_000 * nearMs;
}
