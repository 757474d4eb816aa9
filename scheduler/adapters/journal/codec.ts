// The bytes of a journal segment, without any file: frames of one batch each. A frame is a header
// of 24 bytes (magic, payload length, sequence, CRC-32 of all that follows the CRC) and JSON.

import { crc32 } from 'node:zlib';
import type { DurableFact } from '../../core/index.ts';
import { factsVersion } from '../../core/index.ts';

const magic = 0x504a_4e31; // "PJN1"
const headerBytes = 24;
/** A larger length is damage, not data. */
const maxPayloadBytes = 512 * 1024 * 1024;

/** One batch as bytes. `sequence`: how many batches came before it. */
export function encodeFrame(facts: readonly DurableFact[], sequence: number): Buffer {
  const payload = Buffer.from(JSON.stringify({ v: factsVersion, facts }));
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt32BE(magic, 0);
  frame.writeUInt32BE(0, 4);
  frame.writeUInt32BE(payload.length, 8);
  frame.writeUInt32BE(0, 12);
  frame.writeBigUInt64BE(BigInt(sequence), 16);
  payload.copy(frame, headerBytes);
  frame.writeUInt32BE(crc32(frame.subarray(8)), 4);
  return frame;
}

export type Decoded =
  | {
      readonly kind: 'batch';
      readonly facts: readonly DurableFact[];
      readonly sequence: number;
      readonly nextOffset: number;
    }
  | { readonly kind: 'end' }
  /** The bytes stop in the middle of a frame, or the last frame is not what was written. */
  | { readonly kind: 'flaw'; readonly what: string };

/** Reads the frame at an offset. Never throws. */
export function decodeFrame(bytes: Buffer, offset: number): Decoded {
  const left = bytes.length - offset;
  if (left === 0) return { kind: 'end' };
  if (left < headerBytes) return flaw(`only ${left} of ${headerBytes} header bytes`);
  if (bytes.readUInt32BE(offset) !== magic) return flaw('no frame starts here');
  const length = bytes.readUInt32BE(offset + 8);
  if (length > maxPayloadBytes) return flaw(`a length of ${length} bytes`);
  const nextOffset = offset + headerBytes + length;
  if (nextOffset > bytes.length) return flaw(`only ${left} of ${headerBytes + length} bytes`);
  if (crc32(bytes.subarray(offset + 8, nextOffset)) !== bytes.readUInt32BE(offset + 4)) {
    return flaw('a wrong checksum');
  }
  const text = bytes.toString('utf8', offset + headerBytes, nextOffset);
  // The checksum was right: this is what encodeFrame wrote, of this version or another.
  const payload = JSON.parse(text) as { v: number; facts: readonly DurableFact[] };
  if (payload.v !== factsVersion) {
    return flaw(`facts of version ${payload.v}; this scheduler reads version ${factsVersion}`);
  }
  const sequence = Number(bytes.readBigUInt64BE(offset + 16));
  return { kind: 'batch', facts: payload.facts, sequence, nextOffset };
}

/** Whether a whole, valid frame starts anywhere after an offset: then the flaw is not at the end. */
export function hasFrameAfter(bytes: Buffer, offset: number): boolean {
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE(magic);
  for (let at = bytes.indexOf(mark, offset + 1); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    if (decodeFrame(bytes, at).kind === 'batch') return true;
  }
  return false;
}

function flaw(what: string): Decoded {
  return { kind: 'flaw', what };
}
