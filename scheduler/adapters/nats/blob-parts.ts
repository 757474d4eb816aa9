// What a node tells of blobs that its site exchanges, checked: a peer is told of its address, and the core
// keeps its bitmap.

import { isIPv4 } from 'node:net';
import type { BlobPart as ProtoPart, FromNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { chunksPerBlob, sha256 } from '../../core/index.ts';
import type { BlobPart, NodeSpoke } from '../../core/index.ts';
import { Malformed, few, whole } from './fields.ts';

const bitmapBytes = chunksPerBlob / 8;

/** The parts of one message; throws a `Malformed` that names the field. */
export function blobParts({ blobParts: parts }: FromNode): Pick<NodeSpoke, 'blobParts'> {
  if (parts.length === 0) return {};
  return { blobParts: few(parts, 'blob_parts').map(toPart) };
}

function toPart(part: ProtoPart): BlobPart {
  if (part.sha256.length !== 32) throw new Malformed('blob_parts: want a SHA-256 of 32 bytes');
  const { address, port } = part;
  const isNowhere = address === '' && port === 0;
  if (!isNowhere && !(isIPv4(address) && port > 0 && port <= 65_535)) {
    throw new Malformed('blob_parts: want an IPv4 address and a port of 1 to 65535, or neither');
  }
  if (part.room > chunksPerBlob) throw new Malformed(`room: want up to ${chunksPerBlob}`);
  return {
    sha256: sha256(Buffer.from(part.sha256).toString('hex')),
    sizeBytes: whole(part.sizeBytes, 'size_bytes'),
    held: bitmap(part.held, 'held'),
    isWhole: part.isWhole,
    room: whole(part.room, 'room'),
    unfound: bitmap(part.unfound, 'unfound'),
    ...{ address, port },
    hasLeft: part.left,
    isForeign: part.isForeign,
    bringing: bitmap(part.bringing, 'bringing'),
  };
}

/** A copy: the message's own bytes are of a buffer that is larger. */
function bitmap(bytes: Uint8Array, field: string): Uint8Array {
  if (bytes.length > bitmapBytes) throw new Malformed(`${field}: want up to ${bitmapBytes} bytes`);
  return Uint8Array.from(bytes);
}
