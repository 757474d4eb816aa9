// What a light node says of itself: what its owner allows. All else is as it always is.

import type { NodeStatus } from '../../scheduler/core/index.ts';
import type { Board } from './board.ts';

export function statusOf({ node, allowance }: Board, now: number): NodeStatus {
  const { notAccepting, closesAtMs } = allowance;
  const isAccepting = notAccepting === null;
  return {
    load: 0,
    memoryAvailableBytes: node.model.memoryBytes,
    diskAvailableBytes: 8e9,
    temperatureC: 50,
    uplink: null,
    isAccepting,
    notAccepting,
    slots: isAccepting ? node.model.slots : 0,
    hoursLeftMs: closesAtMs === null ? null : Math.max(0, closesAtMs - now),
    refuses: [],
    month: null,
  };
}
