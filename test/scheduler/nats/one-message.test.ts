// What a node is told at one time goes in one message, and a failed one leaves no trace.

import { expect, it } from 'vitest';
import { ToNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { emptyOutgoing, encodeToNode } from '../../../scheduler/adapters/nats/wire.ts';
import type { Outgoing } from '../../../scheduler/adapters/nats/wire.ts';

const [grant] = ToNode.fromPartial({ grants: [{ leaseId: 7, command: ['true'] }] }).grants;

function told(changes: Partial<Outgoing>): readonly ToNode[] {
  const { messages } = encodeToNode('first', { ...emptyOutgoing(), ...changes });
  return messages.map((bytes) => ToNode.decode(bytes));
}

it('an acknowledgement, the next lease and a transfer are one message', () => {
  const parts = {
    grants: grant === undefined ? [] : [grant],
    acknowledged: [5],
    transfers: [{ leaseId: 6, direction: 1 as const }],
  };
  expect(told(parts)).toEqual([{ ...ToNode.create(), ...parts, instanceId: 'first' }]);
});

it('nothing is no message', () => {
  expect(told({})).toEqual([]);
});

it('a message that cannot be encoded leaves nothing in the one after it', () => {
  const wrong = {
    ...ToNode.fromPartial({ grants: [{ leaseId: 8 }] }).grants[0],
    taskIndex: 2 ** 40,
  };
  // The types allow it; the wire does not.
  expect(() =>
    told({ acknowledged: [1], grants: [wrong as Outgoing['grants'][number]] }),
  ).toThrow();
  expect(told({ acknowledged: [5] })).toEqual([
    { ...ToNode.create(), acknowledged: [5], instanceId: 'first' },
  ]);
});
