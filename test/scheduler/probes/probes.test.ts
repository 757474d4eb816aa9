// Who gets an answer from the port of probes, and how much.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerProbe } from '../../../agent/adapters/uplink/answer-probe.ts';
import type { TrainPacket } from '../../../proto/trains.ts';
import { readTrainPacket, trainKinds, writeTrainPacket } from '../../../proto/trains.ts';
import { Probes } from '../../../scheduler/adapters/probes/probes.ts';

const host = '127.0.0.1';
const nonce = randomBytes(16);
const blank = { train: 0, sequence: 0, count: 0, word: 0, spanMicros: 0, spanCount: 0 };
const hello: TrainPacket = { ...blank, kind: 'hello' };

test('a stranger gets no answer, and the node that has the nonce is measured', async () => {
  const probes = await Probes.listen(host, 0);
  const stranger = createSocket('udp4');
  let answers = 0;
  stranger.on('message', () => (answers += 1));
  for (const other of [randomBytes(16), Buffer.alloc(16)]) {
    stranger.send(writeTrainPacket(other, hello), probes.port, host);
  }
  stranger.send(nonce.subarray(0, 15), probes.port, host);
  const measured = probes.measure(nonce);
  const node = await answerProbe({ host, port: probes.port, nonce, maxBytes: 150_000 });
  const { downBps, upBps, sentBytes, receivedBytes } = await measured;
  expect(downBps).toBeGreaterThan(1e6);
  expect(upBps).toBeGreaterThan(1e6);
  expect(sentBytes).toBeLessThanOrEqual(116 * 1_200);
  expect(receivedBytes).toBeLessThanOrEqual(node.sentBytes);
  expect(node.receivedBytes).toBeLessThanOrEqual(sentBytes);
  expect(answers).toBe(0);
  stranger.close();
  await probes.close();
});

/** A node that says of each train, after so long for each of its packets, that it came in this time. */
async function claiming(port: number, claim: Partial<TrainPacket>): Promise<() => void> {
  const node = createSocket('udp4');
  let [train, count, word] = [0, 0, 0];
  let answering: NodeJS.Timeout | undefined;
  node.on('message', (bytes, from) => {
    const packet = readTrainPacket(nonce, bytes);
    for (let sequence = 0; packet?.kind === 'ask' && sequence < packet.count; sequence += 1) {
      const up = writeTrainPacket(nonce, { ...packet, kind: 'up', sequence });
      node.send(up, from.port, from.address);
    }
    if (packet?.kind !== 'down') return;
    if (packet.train !== train) [train, count, word] = [packet.train, 0, 0];
    [count, word] = [count + 1, (word ^ packet.word) >>> 0];
    if (count < packet.count) return;
    const heard = { ...blank, kind: 'heard', train, count, word, ...claim } as const;
    answering = setTimeout(() => {
      node.send(writeTrainPacket(nonce, heard), from.port, from.address, () => undefined);
    }, 10 * count);
  });
  node.bind(0, host);
  await once(node, 'listening');
  node.send(writeTrainPacket(nonce, hello), port, host);
  return () => {
    clearTimeout(answering);
    node.close();
  };
}

test.each([
  ['a microsecond', { spanMicros: 1, spanCount: 9, sequence: 9 }],
  ['no time', { spanMicros: 0, spanCount: 9, sequence: 9 }],
])(
  "a node that claims %s for each train is not believed beyond this end's clock",
  async (_, claim) => {
    const probes = await Probes.listen(host, 0);
    const measuring = probes.measure(nonce);
    const close = await claiming(probes.port, claim);
    const { downBps } = await measuring;
    // It could have had one packet in 10 ms: 0.96 Mbit/s. A busy machine answers the single packet late.
    expect(downBps ?? 0).toBeLessThan(10e6);
    close();
    await probes.close();
  },
  30_000,
);

test('a scheduler that stops while a node is measured ends without a fault', async () => {
  const probes = await Probes.listen(host, 0);
  const measuring = probes.measure(nonce);
  const close = await claiming(probes.port, {});
  await sleep(50);
  await probes.close();
  close();
  expect(await measuring).toMatchObject({ downBps: null, upBps: null });
}, 10_000);

test('a node sends no more than its lease says, whatever it is asked', async () => {
  const greedy = createSocket('udp4');
  greedy.bind(0, host);
  await once(greedy, 'listening');
  let bytes = 0;
  greedy.on('message', (packet, from) => {
    const kind = readTrainPacket(nonce, packet)?.kind;
    const say = (of: 'ask' | 'bye', count: number): void =>
      greedy.send(writeTrainPacket(nonce, { ...hello, kind: of, count }), from.port, host);
    if (kind === 'hello') for (let train = 0; train < 3; train += 1) say('ask', 60_000);
    if (kind === 'hello') say('bye', 0);
    if (kind === 'up') bytes += packet.length;
  });
  const { port } = greedy.address();
  expect(await answerProbe({ host, port, nonce, maxBytes: 20_000 })).toMatchObject({
    sentBytes: 19_200,
  });
  expect(bytes).toBeLessThanOrEqual(19_200);
  greedy.close();
});

test.each([
  ['a host that nobody knows', 'no-such-host.invalid', 9],
  ['a port that nobody listens to', host, 9],
])('a node that is told %s ends its part', { timeout: 10_000 }, async (_, where, port) => {
  expect(await answerProbe({ host: where, port, nonce, maxBytes: 20_000 })).toEqual({
    sentBytes: 0,
    receivedBytes: 0,
  });
});

test('a packet is read as it was written, and with no other nonce', () => {
  const [u16, u32] = [fc.nat(0xffff), fc.nat(0xffffffff)];
  const packets = fc.record({
    ...{ kind: fc.constantFrom(...trainKinds), train: fc.nat(255), sequence: u16, count: u16 },
    ...{ word: u32, spanMicros: u32, spanCount: u16 },
  });
  fc.assert(
    fc.property(packets, fc.nat(15), (packet, at) => {
      const bytes = writeTrainPacket(nonce, packet);
      expect(readTrainPacket(nonce, bytes)).toEqual(packet);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      expect(readTrainPacket(nonce, bytes)).toBeUndefined();
    }),
  );
});
