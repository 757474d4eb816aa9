// What a node says and hears on the bus: bytes from outside never throw, and an idle day is cheap.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FromNode, ToNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { RateSource } from '../../../proto/gen/punnet/v1/common.ts';
import { Inventory, NodeStatus } from '../../../proto/gen/punnet/v1/node.ts';
import { fromNodeSubject } from '../../../proto/subjects.ts';
import { Reporter } from '../../../agent/adapters/bus/reporter.ts';
import { fromBytes, toMessage, type Speaker } from '../../../agent/adapters/bus/wire.ts';
import type { SayPart } from '../../../agent/core/index.ts';

const own = 'me';
const blob = { blob: { sha256: 'a'.repeat(64), sizeBytes: 1 }, capability: 'c' };
const grant = {
  ...{ leaseId: 7, jobId: 'j', jobName: 'job', researcher: 'ada', taskIndex: 0 },
  ...{ command: ['true'], environment: {}, isRootFileSystem: false, inputs: [], outputs: ['o'] },
  ...{ bundle: blob, timeoutMs: 1, memoryBytes: 1, diskBytes: 1, uploadCapability: 'u' },
};
const message = (more: object): Uint8Array =>
  ToNode.encode(ToNode.fromPartial({ instanceId: own, ...more })).finish();

describe('what is heard', () => {
  test('a grant becomes a lease', () => {
    const heard = fromBytes(message({ grants: [grant] }), own);
    expect(heard).toMatchObject({ kind: 'schedulerSpoke', grants: [{ leaseId: 7 }] });
  });

  test('a lease says whether its outputs stay, and who keeps its input', () => {
    const keeper = { address: '192.168.1.2', port: 4_000, proof: Buffer.alloc(32, 10) };
    const inputs = [keeper, { ...keeper, port: 0 }, { ...keeper, address: 'attic' }].map(
      (each, at) => ({ path: `${at}`, blob, keeper: each }),
    );
    const heard = fromBytes(
      message({ grants: [{ ...grant, inputs, keepProof: keeper.proof }] }),
      own,
    );
    const lease = typeof heard === 'string' ? undefined : heard.grants[0];
    expect(lease?.keepProof).toBe('0a'.repeat(32));
    const known = { ...keeper, proof: '0a'.repeat(32) };
    expect(lease?.inputs.map((input) => input.keeper)).toEqual([known, undefined, undefined]);
  });

  test.each<readonly [string, object, RegExp]>([
    ['for another instance', { instanceId: 'other' }, /another instance/],
    ['without a bundle', { grants: [{ ...grant, bundle: undefined }] }, /lease 7 that lacks/],
    ['without a command', { grants: [{ ...grant, command: [] }] }, /lease 7 that lacks/],
    [
      'with an input above the work folder',
      { grants: [{ ...grant, inputs: [{ path: 'a/../../x', blob }] }] },
      /lease 7 that lacks/,
    ],
    ['with a list without end', { cancels: new Array<number>(1_025).fill(1) }, /over 1024 items/],
  ])('a message %s is dropped, and why is told', (_what, more, why) => {
    expect(fromBytes(message(more), own)).toMatch(why);
  });

  test('whatever the bytes are, nothing is thrown', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      // A true message with some bytes changed.
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }).map((changes) => {
        const whole = Uint8Array.from(message({ grants: [grant], cancels: [1, 2] }));
        for (const [at, value] of changes) whole[at % whole.length] = value;
        return whole;
      }),
    );
    fc.assert(
      fc.property(bytes, (each) => ['string', 'object'].includes(typeof fromBytes(each, own))),
    );
  });
});

const inventory = Inventory.fromPartial({
  ...{ architecture: 'aarch64', userland: 'arm64', model: 'Raspberry Pi 3 Model B Plus Rev 1.3' },
  ...{ slots: 4, speedGhz: 1.23456789, memoryBytes: 925_000_000, diskBytes: 31_000_000_000 },
  ...{ agentVersion: '0.1.0', sandbox: 'rlimit', nodeVersion: '18.20.4', lan: '192.168.178.0/24' },
});
const status = NodeStatus.fromPartial({
  ...{ load: 0.07, memoryAvailableBytes: 612_345_678, diskAvailableBytes: 27_123_456_789 },
  ...{ temperatureC: 48.312, isAccepting: true, slots: 4 },
  uplink: { downBps: 2e7, upBps: 4e6, source: RateSource.DECLARED, ageMs: 3e9, spread: 0.1 },
});

const releases = { states: () => [], takeAsked: () => false };

/** The speakers of so many reports of one instance. */
function reports(count: number, changeAt = -1): readonly Speaker[] {
  const spoken: Speaker[] = [];
  let slots = 4;
  const reporter = new Reporter({
    instance: { instanceNumber: 12, instanceId: '0123456789a' },
    owner: { status: () => status, inventory: () => ({ ...inventory, slots }) },
    bus: { say: (_parts, speaker) => void spoken.push(speaker) },
    releases,
  });
  for (let index = 0; index < count; index += 1) {
    if (index === changeAt) slots = 1;
    reporter.say([{ kind: 'report', held: [] }]);
  }
  return spoken;
}

test('each report carries the status; the inventory goes with the first, after a change, hourly', () => {
  const spoken = reports(48, 30);
  expect(spoken.every((speaker) => speaker.status === status)).toBe(true);
  const withInventory = [...spoken.keys()].filter((at) => spoken[at]?.inventory !== undefined);
  expect(withInventory).toEqual([0, 1, 2, 19, 30, 31, 32]);
  expect(spoken.map(({ sequence }) => sequence)).toEqual([...spoken.keys()].map((at) => at + 1));
});

test('what is no report carries neither', () => {
  const spoken: Speaker[] = [];
  const reporter = new Reporter({
    instance: { instanceNumber: 1, instanceId: 'i' },
    owner: { status: () => status, inventory: () => inventory },
    bus: { say: (_parts, speaker) => void spoken.push(speaker) },
    releases,
  });
  reporter.say([{ kind: 'started', leaseId: 1 }]);
  expect(spoken).toMatchObject([{ status: undefined, inventory: undefined, sequence: 1 }]);
});

test('a day of an idle node costs under 100 kB at the level of NATS', () => {
  const parts: readonly SayPart[] = [{ kind: 'report', held: [] }];
  const subject = fromNodeSubject('n0123456789');
  let bytes = 0;
  // An agent that reports as often as any may: 180 s less a fifth.
  for (const speaker of reports((24 * 3_600) / (0.8 * 180))) {
    const payload = FromNode.encode(toMessage(parts, speaker)).finish();
    bytes += `PUB ${subject} ${payload.length}\r\n`.length + payload.length + 2;
  }
  // Both ends ask every 20 minutes, and are answered.
  bytes += 2 * 72 * ('PING\r\n'.length + 'PONG\r\n'.length);
  console.log(`an idle day: ${bytes} bytes`);
  expect(bytes).toBeLessThan(100_000);
});
