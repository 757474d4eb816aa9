// What a nats-server sends is understood however it is cut.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtocolReader } from '../../../scheduler/adapters/nats/protocol-reader.ts';

const said = [
  'INFO {"nonce":"x"}\r\n',
  ...['PING\r\n', '+OK\r\n', "-ERR 'Authorization Violation'\r\n"],
  'MSG punnet.v1.node.n1.up 1 5\r\nhello\r\n',
  'MSG a.b 2 reply.to 0\r\n\r\n',
  // Bytes that look like lines.
  'MSG a.c 12 17\r\nPING\r\nMSG a.d 1 0\r\n',
  'PONG\r\n',
].join('');

const understood = [
  ...['INFO {"nonce":"x"}', 'PING', '+OK', "-ERR 'Authorization Violation'"],
  ...['punnet.v1.node.n1.up: hello', 'a.b: ', 'a.c: PING\r\nMSG a.d 1 0', 'PONG'],
];

function read(parts: readonly Buffer[]): readonly string[] {
  const heard: string[] = [];
  const reader = new ProtocolReader({
    message: (subject, bytes) => heard.push(`${subject}: ${String(bytes)}`),
    line: (text) => heard.push(text),
  });
  for (const part of parts) reader.take(part);
  return heard;
}

test('messages and lines are told in order, in whatever parts they come', () => {
  const all = Buffer.from(said);
  expect(read([all])).toEqual(understood);
  for (let at = 0; at <= all.length; at += 1) {
    expect(read([all.subarray(0, at), all.subarray(at)]), `cut at ${at}`).toEqual(understood);
  }
  const cuts = fc.array(fc.nat({ max: all.length }), { maxLength: 20 });
  fc.assert(
    fc.property(cuts, (places) => {
      const ends = [...places, all.length].toSorted((a, b) => a - b);
      expect(read(ends.map((end, at) => all.subarray(ends[at - 1] ?? 0, end)))).toEqual(understood);
    }),
  );
});

test('bytes of any kind are passed over; nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read([Buffer.from(bytes)])),
  );
});
