// What a node's bytes become: a command, or a named reason why they were dropped. Never an error.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FromNode, ToNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { Inventory } from '../../../proto/gen/punnet/v1/node.ts';
import { maxMessageBytes } from '../../../proto/subjects.ts';
import { leaseId, nodeId } from '../../../scheduler/core/index.ts';
import { maxItems } from '../../../scheduler/adapters/nats/fields.ts';
import {
  decodeFromNode,
  emptyOutgoing,
  encodeToNode,
  maxGrantsPerMessage,
} from '../../../scheduler/adapters/nats/wire.ts';

const pi = nodeId('pi');
const status = {
  ...{ load: 0.5, memoryAvailableBytes: 1, diskAvailableBytes: 1, temperatureC: 40 },
  ...{ uplink: undefined, isAccepting: true, notAccepting: undefined, slots: 4 },
  refuses: [],
  month: undefined,
};
const inventory = Inventory.create({
  ...{ architecture: 'aarch64', userland: 'arm64', model: 'Pi 3', slots: 4, speedGhz: 1.2 },
  ...{ memoryBytes: 1e9, diskBytes: 1e10, agentVersion: '1', nodeVersion: '20' },
});
const end = { leaseId: 7, code: 1, exitCode: 0, cpuMs: 1, wallMs: 1, result: undefined } as const;

function message(changes: Partial<FromNode> = {}): FromNode {
  return {
    ...{ instanceNumber: 1, instanceId: 'first', sequence: 1 },
    report: { status, inventory, held: [7], releases: [], tellsReleases: false, kept: undefined },
    ...{ started: [7], exited: [], ended: [end], transfersWanted: [], transfersDone: [] },
    leaves: false,
    blobParts: [],
    keptMissing: [],
    ...changes,
  };
}

function decode(changes: Partial<FromNode> = {}, more: readonly number[] = []) {
  const bytes = FromNode.encode(message(changes)).finish();
  return decodeFromNode(pi, Buffer.concat([bytes, Uint8Array.from(more)]));
}

function outcome(changes: Partial<FromNode>): string {
  const decoded = decode(changes);
  return decoded.kind === 'dropped' ? decoded.reason : 'spoke';
}

test('a whole message becomes a command', () => {
  expect(decode()).toMatchObject({
    kind: 'spoke',
    command: { nodeId: 'pi', held: [7], started: [7], ended: [{ code: 'succeeded' }] },
  });
});

test.each([
  [undefined, null],
  [0, 0],
  [90_000, 90_000],
])("the owner's hours: %s is %s", (hoursLeftMs, known) => {
  const of = { ...status, hoursLeftMs };
  const decoded = decode({
    report: {
      status: of,
      inventory,
      held: [],
      releases: [],
      tellsReleases: false,
      kept: undefined,
    },
  });
  expect(decoded).toMatchObject({ command: { status: { hoursLeftMs: known } } });
});

test('fields that this version does not know are passed over', () => {
  // Field 1000 with a varint, field 1001 with two bytes: what a newer agent may send.
  const unknown = [0xc0, 0x3e, 0x2a, 0xca, 0x3e, 0x02, 0x68, 0x69];
  expect(decode({}, unknown)).toEqual(decode());
});

test('a node that leaves says nothing else that counts', () => {
  expect(decode({ leaves: true, sequence: -1 })).toEqual({ kind: 'left' });
});

test('bytes of any kind are dropped with a reason, or understood; never thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
      const { kind } = decodeFromNode(pi, bytes);
      expect(['spoke', 'left', 'dropped']).toContain(kind);
    }),
  );
});

test('a true message with one flipped bit is dropped with a reason, or understood', () => {
  const bytes = FromNode.encode(message()).finish();
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(['spoke', 'left', 'dropped']).toContain(decodeFromNode(pi, flipped).kind);
  }
});

test('64 KiB is a message, one byte more is not', () => {
  // An unknown field fills it up: 2 bytes of tag, 3 of length.
  const { length } = FromNode.encode(message()).finish();
  const size = maxMessageBytes - length - 5;
  const filler = [0xca, 0x3e, (size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
  const whole = [...filler, ...new Uint8Array(size)];
  expect(decode({}, whole).kind).toBe('spoke');
  expect(decode({}, [...whole, 0])).toEqual({ kind: 'dropped', reason: 'message too long' });
});

const many = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const report = (changes: object) => ({
  report: {
    status,
    inventory,
    held: [],
    releases: [],
    tellsReleases: false,
    kept: undefined,
    ...changes,
  },
});

test.each([
  ['as many leases as there may be', { started: many(maxItems) }, 'spoke'],
  ['one more', { started: many(maxItems + 1) }, 'started: want up to 512 items'],
  ['one more held', report({ held: many(maxItems + 1) }), 'held: want up to 512 items'],
  ['an end code of a newer version', { ended: [{ ...end, code: 99 }] }, 'unknown end code'],
  ['no end code', { ended: [{ ...end, code: 0 }] }, 'unknown end code'],
  [
    'a result that is no hash',
    { ended: [{ ...end, result: { sha256: '../x', sizeBytes: 1 } }] },
    'result: not a SHA-256',
  ],
  ['a negative lease', { started: [-1] }, 'started: want a whole number, not negative'],
  [
    'a time before its start',
    { ended: [{ ...end, cpuMs: -1 }] },
    'cpu_ms: want a whole number, not negative',
  ],
  ['a load that is no number', report({ status: { ...status, load: NaN } }), /^load: /],
  ['infinite load', report({ status: { ...status, load: Infinity } }), /^load: /],
  ['a node as hot as an oven', report({ status: { ...status, temperatureC: 301 } }), /^temp/],
  [
    'hours that ended before now',
    report({ status: { ...status, hoursLeftMs: -1 } }),
    'hours_left_ms: want a whole number',
  ],
  ['a thousand slots', report({ status: { ...status, slots: 1_000 } }), 'slots: want up to 512'],
  [
    'an architecture of a newer version',
    report({ inventory: { ...inventory, architecture: 'riscv64' } }),
    'unknown architecture',
  ],
  ['no part of a core', report({ inventory: { ...inventory, cpuShare: 0 } }), /^cpu_share: /],
  ['more than a core', report({ inventory: { ...inventory, cpuShare: 1.5 } }), /^cpu_share: /],
  ['no number of it', report({ inventory: { ...inventory, cpuShare: NaN } }), /^cpu_share: /],
  [
    'more speed than there is, behind a small part of it',
    report({ inventory: { ...inventory, speedGhz: 999, cpuShare: 0.5 } }),
    'cpu_share: want 0.01 to 1',
  ],
  [
    'a household that is no hash',
    report({ inventory: { ...inventory, household: 'attic' } }),
    'household: want 32 hexadecimal digits',
  ],
  [
    'more names than an owner may refuse',
    report({ status: { ...status, refuses: Array.from({ length: 33 }, () => 'alice') } }),
    'refuses: want up to 32 names',
  ],
  ['a long model', report({ inventory: { ...inventory, model: 'x'.repeat(257) } }), /^model: /],
  [
    'a rate measured in the future',
    report({
      status: { ...status, uplink: { downBps: 1, upBps: 1, source: 2, ageMs: -5, spread: 0 } },
    }),
    'age_ms: want a whole number, not negative',
  ],
  [
    'a keeper at no address',
    report({ kept: { jobIds: [], address: '::1', port: 9 } }),
    'kept: want an IPv4 address and a port of 1 to 65535, or neither',
  ],
  [
    'more jobs than a node may keep outputs of',
    report({ kept: { jobIds: Array.from({ length: 513 }, () => 'j'), address: '', port: 0 } }),
    'kept: want up to 512 items',
  ],
  [
    'a kept output of no hash',
    { keptMissing: [Buffer.alloc(31)] },
    'kept_missing: want a SHA-256 of 32 bytes',
  ],
  [
    'a transfer in no direction',
    { transfersDone: [{ leaseId: 1, direction: 0 as const }] },
    'unknown direction',
  ],
])('%s', (_, changes, wanted) => {
  // Rows may hold what the types forbid and the wire does not.
  expect(outcome(changes as Partial<FromNode>)).toMatch(wanted);
});

test('what a node has of releases is part of its report, and bounded', () => {
  const release = {
    ...{ name: 'agent', active: '2', staged: '', failed: '1', problem: 'it fell over' },
    ...{ isProven: true, fetchedBytes: 8, sizeBytes: 100 },
  };
  const report = (releases: (typeof release)[], tellsReleases = true) =>
    decode({ report: { status, inventory, held: [], releases, tellsReleases, kept: undefined } });
  expect(report([release])).toMatchObject({ kind: 'spoke', releases: [release] });
  expect(report([release], false)).toMatchObject({ releases: [release] });
  expect(report([])).toMatchObject({ releases: [] });
  expect(report([], false)).toMatchObject({ releases: null });
  const dropped = { kind: 'dropped', reason: 'releases: want up to 16 items' };
  expect(report(new Array(17).fill(release))).toEqual(dropped);
  expect(report([{ ...release, problem: 'x'.repeat(257) }])).toMatchObject({ kind: 'dropped' });
  expect(report([{ ...release, fetchedBytes: -1 }])).toMatchObject({ kind: 'dropped' });
});

test('what a node keeps is part of its report, and what it has lost is told beside it', () => {
  const kept = { jobIds: ['pictures'], address: '192.168.1.2', port: 4_000 };
  const decoded = decode({
    report: { status, inventory, held: [], releases: [], tellsReleases: false, kept },
    keptMissing: [Buffer.alloc(32, 10)],
  });
  expect(decoded).toMatchObject({ command: { kept }, keptMissing: ['0a'.repeat(32)] });
  expect(decode()).toMatchObject({ keptMissing: [] });
});

test('what a node is told is cut into messages that it can take', () => {
  const grant = ToNode.fromPartial({ grants: [{ leaseId: 1, command: ['x'.repeat(1_000)] }] });
  const grants = grant.grants.flatMap((each) => Array.from({ length: 300 }, () => each));
  const { messages, tooLarge } = encodeToNode('first', {
    ...emptyOutgoing(),
    ...{ grants, cancels: many(maxGrantsPerMessage + 1), wantsReport: true },
  });
  expect(messages.every((bytes) => bytes.length <= maxMessageBytes)).toBe(true);
  const told = messages.map((bytes) => ToNode.decode(bytes));
  expect(told.flatMap((each) => each.grants)).toHaveLength(300);
  expect(told.flatMap((each) => each.cancels)).toEqual(many(maxGrantsPerMessage + 1));
  expect(told.filter((each) => each.wantsReport)).toHaveLength(1);
  expect(tooLarge).toEqual([]);
});

test('who is asked for a report is whoever is there: an instance that nobody has heard, too', () => {
  const told = (changes: object): readonly ToNode[] => {
    const { messages } = encodeToNode('first', { ...emptyOutgoing(), ...changes });
    return messages.map((bytes) => ToNode.decode(bytes));
  };
  expect(told({ wantsReport: true })).toMatchObject([{ instanceId: '', wantsReport: true }]);
  expect(told({ wantsReport: true, cancels: [7] })).toMatchObject([
    { instanceId: '', wantsReport: true, cancels: [] },
    { instanceId: 'first', wantsReport: false, cancels: [7] },
  ]);
});

test('a lease that no message could carry is named, and the others go', () => {
  const { grants } = ToNode.fromPartial({
    grants: [
      { leaseId: 1 },
      { leaseId: 2, command: ['x'.repeat(maxMessageBytes)] },
      { leaseId: 3 },
    ],
  });
  const { messages, tooLarge } = encodeToNode('first', { ...emptyOutgoing(), grants });
  expect(tooLarge).toEqual([leaseId(2)]);
  const sent = messages.flatMap((bytes) => ToNode.decode(bytes).grants);
  expect(sent.map((each) => each.leaseId)).toEqual([1, 3]);
});

const part = {
  ...{ sha256: Buffer.alloc(32, 0xab), sizeBytes: 1e6, held: Buffer.from([3]), isWhole: false },
  ...{ room: 8, unfound: Buffer.alloc(0), address: '192.168.1.7', port: 9_000, left: false },
  ...{ isForeign: true, bringing: Buffer.from([4]) },
};

test('what a node has of a blob becomes a part of the command', () => {
  expect(decode({ blobParts: [part] })).toMatchObject({
    command: {
      blobParts: [
        {
          ...{ sha256: 'ab'.repeat(32), sizeBytes: 1e6, isWhole: false, room: 8 },
          ...{ address: '192.168.1.7', port: 9_000, hasLeft: false, isForeign: true },
          ...{ held: Uint8Array.of(3), unfound: Uint8Array.of(), bringing: Uint8Array.of(4) },
        },
      ],
    },
  });
  expect(decode({ blobParts: [{ ...part, address: '', port: 0 }] })).toMatchObject({
    kind: 'spoke',
  });
});

test.each([
  ['a short hash', { sha256: Buffer.alloc(31) }, 'blob_parts: want a SHA-256'],
  ['a negative size', { sizeBytes: -1 }, 'size_bytes: want'],
  ['a negative room', { room: -1 }, 'room: want'],
  ['too much room', { room: 65_537 }, 'room: want'],
  ['too long a bitmap', { held: Buffer.alloc(8_193) }, 'held: want'],
  ['too many unfound', { unfound: Buffer.alloc(8_193) }, 'unfound: want'],
  ['too many that it brings', { bringing: Buffer.alloc(8_193) }, 'bringing: want'],
  ['a name for an address', { address: 'school' }, 'blob_parts: want an IPv4 address'],
  ['an address without a port', { port: 0 }, 'blob_parts: want an IPv4 address'],
  ['a port without an address', { address: '' }, 'blob_parts: want an IPv4 address'],
  ['a port past the last', { port: 65_536 }, 'blob_parts: want an IPv4 address'],
])('a part with %s is dropped', (_, changes, reason) => {
  expect(outcome({ blobParts: [{ ...part, ...changes }] })).toContain(reason);
});

test('the longest bitmap, and as much room as chunks, are taken', () => {
  const longest = { held: Buffer.alloc(8_192), unfound: Buffer.alloc(8_192), room: 65_536 };
  expect(outcome({ blobParts: [{ ...part, ...longest }] })).toBe('spoke');
  expect(outcome({ blobParts: Array.from({ length: maxItems + 1 }, () => part) })).toContain(
    'blob_parts: want',
  );
});

test('leases for chunks and news of exchanges are cut into messages too', () => {
  const lease = { sha256: Buffer.alloc(32), runs: [0, 8], spanMs: 1, capability: 'c' };
  const chunkLeases = Array.from({ length: maxGrantsPerMessage + 1 }, () => lease);
  const { messages } = encodeToNode('i', { ...emptyOutgoing(), chunkLeases });
  const told = messages.flatMap((bytes) => ToNode.decode(bytes).chunkLeases);
  expect(messages).toHaveLength(2);
  expect(told).toHaveLength(chunkLeases.length);
});
