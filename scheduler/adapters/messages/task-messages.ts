// Hands on what tasks of one job say to each other. Nothing is kept: what can't be handed on now is lost.

import { TaskMessage } from '../../../proto/gen/punnet/v1/agent.ts';
import { maxTaskMessageBytes } from '../../../proto/subjects.ts';
import { leaseId } from '../../core/index.ts';
import type { NodeId, View } from '../../core/index.ts';

/** For each node and way, 64 kbit/s when all are of the largest size: lines of homes are thin. */
export const messagesPerSecond = 2;
/** Half more than agents let through: what was held up on the way comes at once, and is not to be lost for that. */
export const burstMessages = 96;
/** What surrounds a body. */
const envelopeBytes = 64;

export interface TaskMessagesOptions {
  readonly recipientsOf: View['recipientsOf'];
  /** Lost when the node is away. */
  readonly send: (nodeId: NodeId, message: TaskMessage) => void;
  /** Never goes back. */
  readonly nowMs: () => number;
}

export class TaskMessages {
  readonly #options: TaskMessagesOptions;
  readonly #said = new Rooms();
  readonly #heard = new Rooms();

  constructor(options: TaskMessagesOptions) {
    this.#options = options;
  }

  /** What a task on that node says; why it was dropped, or null. Never throws: these bytes come from outside. */
  hear(id: NodeId, bytes: Uint8Array): string | null {
    const { recipientsOf, send, nowMs } = this.#options;
    const message = decode(bytes);
    if (message === undefined) return 'no message of a task';
    if (!this.#said.take(id, nowMs()))
      return `more than ${messagesPerSecond} task messages a second`;
    const said = { nodeId: id, leaseId: leaseId(message.leaseId), toIndex: message.taskIndex };
    for (const to of recipientsOf(said)) {
      if (!this.#heard.take(to.nodeId, nowMs())) continue;
      send(to.nodeId, { leaseId: to.leaseId, taskIndex: to.fromIndex, body: message.body });
    }
    return null;
  }
}

function decode(bytes: Uint8Array): TaskMessage | undefined {
  if (bytes.length > maxTaskMessageBytes + envelopeBytes) return undefined;
  try {
    const message = TaskMessage.decode(bytes);
    return message.body.length <= maxTaskMessageBytes ? message : undefined;
  } catch {
    return undefined;
  }
}

/** How many messages each node may still say, or be told. */
class Rooms {
  readonly #rooms = new Map<NodeId, { room: number; atMs: number }>();

  take(id: NodeId, nowMs: number): boolean {
    const known = this.#rooms.get(id) ?? { room: burstMessages, atMs: nowMs };
    this.#rooms.set(id, known);
    const grown = known.room + ((nowMs - known.atMs) / 1_000) * messagesPerSecond;
    known.room = Math.min(burstMessages, grown);
    known.atMs = nowMs;
    if (known.room < 1) return false;
    known.room -= 1;
    return true;
  }
}
