// What an OpenVPN server says on its management socket is understood however it is cut, and no peer
// makes the scheduler keep more than it should.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerReader, answerMaxBytes } from '../../../scheduler/adapters/tunnels/answer-reader.ts';
import { propertyRuns } from '../../property-runs.ts';

const said = [
  '>INFO:OpenVPN Management Interface Version 5 -- type "help" for more info\r\n',
  'SUCCESS: bytecount interval changed\r\n',
  'TITLE\tOpenVPN\r\nCLIENT_LIST\tSUCCESS: I\t1\r\n',
  '>CLIENT:ESTABLISHED,0\r\n>CLIENT:ENV,END\r\n',
  'ENDLESS\tEND\r\nEND\r\n',
  "ERROR: common name 'nobody' not found\r\n",
  'END\r\n',
].join('');

const understood = [
  '> >INFO:OpenVPN Management Interface Version 5 -- type "help" for more info',
  'SUCCESS: bytecount interval changed\r\n',
  '> >CLIENT:ESTABLISHED,0',
  '> >CLIENT:ENV,END',
  'TITLE\tOpenVPN\r\nCLIENT_LIST\tSUCCESS: I\t1\r\nENDLESS\tEND\r\nEND\r\n',
  "ERROR: common name 'nobody' not found\r\n",
  'END\r\n',
];

function read(parts: Iterable<Buffer>): readonly string[] {
  const heard: string[] = [];
  const reader = new AnswerReader({
    answer: (text) => heard.push(text),
    notice: (text) => heard.push(`> ${text}`),
  });
  for (const part of parts) reader.take(part);
  return heard;
}

describe('an answer', () => {
  it('is put together from whatever parts come, and notices between its lines are not of it', () => {
    const all = Buffer.from(said);
    for (let at = 0; at <= all.length; at += 1) {
      expect(read([all.subarray(0, at), all.subarray(at)]), `cut at ${at}`).toEqual(understood);
    }
    const single = Array.from(all, (_, at) => all.subarray(at, at + 1));
    expect(read(single)).toEqual(understood);
  });

  it('of any bytes is kept or refused by an Error', () => {
    const tell = fc.array(
      fc.oneof(fc.string(), fc.constantFrom('END\n', '>', '\r\n', 'SUCCESS: ')),
    );
    fc.assert(
      fc.property(tell, (texts) => void read(texts.map((text) => Buffer.from(text)))),
      { numRuns: propertyRuns(200) },
    );
  });
});

describe('a peer that babbles is not listened to', () => {
  function* endless(text: string, bytes: number): Generator<Buffer> {
    const chunk = Buffer.from(text.repeat(Math.ceil(65_536 / text.length)));
    for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk;
  }

  it('when a line has no end', () => {
    expect(() => read(endless('x', 65_536))).toThrow('wanted a line of at most 8192 bytes');
  });

  it('when an answer has none', () => {
    expect(() => read(endless('CLIENT_LIST\tx\n', 2 * answerMaxBytes))).toThrow(
      `wanted an answer of at most ${answerMaxBytes} bytes, found more`,
    );
    const whole = read([
      ...endless('CLIENT_LIST\tx\n', answerMaxBytes - 200_000),
      Buffer.from('END\n'),
    ]);
    expect(whole).toHaveLength(1);
  });

  it('and one that asks for a password is told so', () => {
    expect(() => read([Buffer.from('ENTER PASSWORD:')])).toThrow('configure its management socket');
  });
});
