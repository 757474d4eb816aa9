// The bytes of a journal segment, without any file: frames of one batch each. A frame is a header
// of 24 bytes (magic, payload length, sequence, CRC-32 of the payload, CRC-32 of the header, so that
// the length can be believed), and the payload: the facts as JSON, deflated, and a mark.

import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { DurableFact } from '../../core/index.ts';
import { factsVersion } from '../../core/index.ts';
import { flippedBit } from './flipped-bit.ts';

const magic = 0x504a_4e32; // "PJN2"
const headerBytes = 24;
const at = { magic: 0, length: 4, sequence: 8, payloadCrc: 16, headerCrc: 20 } as const;
/** CRC-32 of any bytes that are followed by their own CRC-32, lowest byte first. */
const crcOfWhole = 0x2144_df1c;
/** Ends a payload: zero bytes there can only be bytes that were never written. */
const mark = Buffer.from('\n');
/** A disk writes a sector whole or not at all. */
const sectorBytes = 512;
/**
 * What most batches are made of, the most common last. It is part of the format: with it a batch
 * that ends one task takes half the bytes. The hashes of results can't be made shorter.
 */
const dictionary = Buffer.from(
  '"superseded"given_back"node_revoked"node_lost"leaseRevived"leaseId":jobCancelled"jobForgotten"' +
    '"researcher":"requestId":"template":{"name":"bundles":[{"architecture":"sha256":"sizeBytes":' +
    '"kind":"nodeHealthChanged","at":1,"nodeNumber":"health":"suspect"lost"healthy"},' +
    '{"kind":"leasesVoided","at":1,"why":"jobEnded","jobNumber":0,"state":"succeeded"},' +
    '0,1,2,3,4,5,6,7,8,9,null,null]},{"kind":"tasksLeased","at":1,"firstLeaseId":1,"rows":[0,' +
    '{"v":1,"facts":[{"kind":"tasksEnded","at":1,"rows":[1,0,0,2],"results":["',
);

/** One batch as bytes. `sequence`: how many batches came before it. */
export function encodeFrame(facts: readonly DurableFact[], sequence: number): Buffer {
  const text = JSON.stringify({ v: factsVersion, facts });
  const payload = Buffer.concat([deflateRawSync(text, { level: 1, dictionary }), mark]);
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt32BE(magic, at.magic);
  frame.writeUInt32LE(payload.length, at.length);
  frame.writeBigUInt64LE(BigInt(sequence), at.sequence);
  frame.writeUInt32LE(crc32(payload), at.payloadCrc);
  frame.writeUInt32LE(crc32(frame.subarray(0, at.headerCrc)), at.headerCrc);
  payload.copy(frame, headerBytes);
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
  /** One bit is not as it was written; with it flipped back the frame can be read. */
  | { readonly kind: 'flipped'; readonly byte: number; readonly bit: number }
  /** The write of the last frame never came to its end: nobody was promised what is in it. */
  | { readonly kind: 'unfinished'; readonly what: string }
  /** Bytes that had been written are not what they were. */
  | { readonly kind: 'damaged'; readonly what: string }
  | { readonly kind: 'newer'; readonly factsVersion: number };

/** Reads the frame at an offset. Never throws. */
export function decodeFrame(bytes: Buffer, offset: number): Decoded {
  const left = bytes.length - offset;
  if (left === 0) return { kind: 'end' };
  if (left < headerBytes) return unfinished(`only ${left} of ${headerBytes} header bytes`);
  const header = bytes.subarray(offset, offset + headerBytes);
  const headerError = crc32(header) ^ crcOfWhole;
  if (headerError !== 0) return judgeHeader(bytes, offset, headerError);
  if (header.readUInt32BE(at.magic) !== magic) return damaged('no frame of this format');
  const length = header.readUInt32LE(at.length);
  const start = offset + headerBytes;
  const nextOffset = start + length;
  if (nextOffset > bytes.length) return unfinished(`only ${left} of ${headerBytes + length} bytes`);
  const payload = bytes.subarray(start, nextOffset);
  const payloadError = crc32(payload) ^ header.readUInt32LE(at.payloadCrc);
  if (payloadError !== 0) {
    const found = flipped(payloadError, payload, start);
    if (found !== undefined) return found;
    const isLast = nextOffset === bytes.length;
    if (isLast && isPartlyUnwritten(bytes, start)) return unfinished('a part never written');
    return damaged('a batch with a wrong checksum');
  }
  const sequence = Number(header.readBigUInt64LE(at.sequence));
  return decodePayload(payload, sequence, nextOffset);
}

function judgeHeader(bytes: Buffer, offset: number, error: number): Decoded {
  const found = flipped(error, bytes.subarray(offset, offset + headerBytes), offset);
  if (found !== undefined) return found;
  const rest = bytes.subarray(offset + headerBytes);
  if (isZero(rest)) return unfinished('a header never written whole');
  // The sector in which it begins was not written, those after it were; or the one in which it goes on.
  const border = nextSector(offset);
  const begin = bytes.subarray(offset, border);
  const next = bytes.subarray(border, border + sectorBytes);
  const isHalf = border < offset + headerBytes && isZero(next);
  if ((isZero(begin) || isHalf) && !hasFrame(rest)) return unfinished('a header never written');
  return damaged('a header with a wrong checksum');
}

/** Zero bytes at the end, or in a whole sector: only writes that never came to an end leave them. */
function isPartlyUnwritten(bytes: Buffer, start: number): boolean {
  if (bytes.at(-1) === 0) return true;
  for (let from = nextSector(start); from < bytes.length; from += sectorBytes) {
    if (isZero(bytes.subarray(from, from + sectorBytes))) return true;
  }
  return false;
}

function nextSector(offset: number): number {
  return (Math.floor(offset / sectorBytes) + 1) * sectorBytes;
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Whether a whole, valid frame starts anywhere. */
function hasFrame(bytes: Buffer): boolean {
  const begin = Buffer.alloc(4);
  begin.writeUInt32BE(magic);
  for (let from = bytes.indexOf(begin); from >= 0; from = bytes.indexOf(begin, from + 1)) {
    if (decodeFrame(bytes, from).kind === 'batch') return true;
  }
  return false;
}

function flipped(error: number, part: Buffer, start: number): Decoded | undefined {
  const bit = flippedBit(error, part.length);
  return bit === undefined
    ? undefined
    : { kind: 'flipped', byte: start + Math.floor(bit / 8), bit: bit % 8 };
}

function decodePayload(payload: Buffer, sequence: number, nextOffset: number): Decoded {
  let parsed;
  try {
    const text = inflateRawSync(payload.subarray(0, -mark.length), { dictionary }).toString();
    // The checksum was right: this is what encodeFrame wrote, of this version or another.
    parsed = JSON.parse(text) as { v: number; facts: readonly DurableFact[] };
  } catch {
    return damaged('a batch that is none');
  }
  if (parsed.v > factsVersion) return { kind: 'newer', factsVersion: parsed.v };
  return { kind: 'batch', facts: parsed.facts, sequence, nextOffset };
}

function unfinished(what: string): Decoded {
  return { kind: 'unfinished', what };
}

function damaged(what: string): Decoded {
  return { kind: 'damaged', what };
}
