// One version behind: what a message of the agents and clients before this version says is
// understood, and the contract breaks nothing that they rely on.

import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import { FromNode } from '../../proto/gen/punnet/v1/agent.ts';
import { Inventory } from '../../proto/gen/punnet/v1/node.ts';
import { decodeFromNode } from '../../scheduler/adapters/nats/wire.ts';
import { nodeId } from '../../scheduler/core/index.ts';
import { root } from './sources.ts';
import { runToEnd } from '../run-to-end.ts';

/** The contract before this version: `buf build` of it. Replaced at each release. */
const before = 'test/fixtures/proto/previous.binpb';

/** Nobody makes stubs of what agents and scheduler say to each other: of that a field may go, but not its
 * number. */
const config = {
  version: 'v2',
  breaking: {
    use: ['FILE', 'WIRE_JSON'],
    ignore_only: { FIELD_NO_DELETE: ['punnet/v1/agent.proto'] },
  },
};

test('the contract breaks nothing of the version before', () => {
  // Both as images: a comparison of commits would need the whole history, which a shallow clone lacks.
  const words = ['--no', 'buf', 'breaking', 'proto/gen/descriptors.binpb', '--against', before];
  const ran = runToEnd('npx', [...words, '--config', JSON.stringify(config)], { cwd: root });
  expect({ status: ran.status, said: ran.stdout + ran.stderr }).toEqual({ status: 0, said: '' });
});

/** An inventory that tells only what the first agents told: fields 1 to 6. */
function oldInventory(): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(10).string('armv6l').uint32(18).string('armhf').uint32(26).string('Pi 1');
  writer.uint32(32).int32(1).uint32(41).double(0.39).uint32(48).int64(5e8);
  return writer.finish();
}

test('a report of an agent that lacks what came later is understood', () => {
  const inventory = Inventory.decode(oldInventory());
  const report = { status: undefined, inventory, held: [] };
  const said = FromNode.fromPartial({ instanceNumber: 1, instanceId: 'old', sequence: 1, report });
  const decoded = decodeFromNode(nodeId('pi'), FromNode.encode(said).finish());
  expect(decoded).toMatchObject({
    kind: 'spoke',
    command: { inventory: { architecture: 'armv6l', slots: 1, lan: '', sandbox: '' }, held: [] },
  });
});

test('a message with nothing but who speaks is understood', () => {
  const bytes = new BinaryWriter().uint32(8).uint64(1).uint32(18).string('old').finish();
  expect(decodeFromNode(nodeId('pi'), bytes).kind).toBe('spoke');
});
