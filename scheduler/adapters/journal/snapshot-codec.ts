// The bytes of a snapshot: a JSON header, the columns, and a trailer with the CRC-32 of all of it.

import { crc32 } from 'node:zlib';
import type { Column, Json, StateImage } from '../../core/index.ts';

const magic = Buffer.from('PSNAP001');
const columnTypes = { Uint8Array, Int32Array, Uint32Array, Float32Array, Float64Array } as const;
type ColumnType = keyof typeof columnTypes;

interface Header {
  readonly sequence: number;
  readonly version: number;
  readonly document: Json;
  readonly columns: readonly { readonly name: string; type: ColumnType; bytes: number }[];
}

export function encodeSnapshot(image: StateImage, sequence: number): Buffer {
  const columns = Object.entries(image.columns);
  const header: Header = {
    sequence,
    version: image.version,
    document: image.document,
    columns: columns.map(([name, column]) => ({
      name,
      type: typeOf(column),
      bytes: column.byteLength,
    })),
  };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  const parts = columns.map(([, column]) =>
    Buffer.from(column.buffer, column.byteOffset, column.byteLength),
  );
  const body = Buffer.concat([magic, length, text, ...parts]);
  const trailer = Buffer.alloc(4);
  trailer.writeUInt32BE(crc32(body));
  return Buffer.concat([body, trailer]);
}

/** undefined: these are not the bytes of a whole snapshot. */
export function decodeSnapshot(
  bytes: Buffer,
): { readonly image: StateImage; readonly sequence: number } | undefined {
  if (bytes.length < 16 || !bytes.subarray(0, 8).equals(magic)) return undefined;
  const end = bytes.length - 4;
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) return undefined;
  const length = bytes.readUInt32BE(8);
  // The checksum was right: this is what encodeSnapshot wrote.
  const header = JSON.parse(bytes.toString('utf8', 12, 12 + length)) as Header;
  const columns: Record<string, Column> = {};
  let offset = 12 + length;
  for (const { name, type, bytes: size } of header.columns) {
    const copy = new Uint8Array(bytes.subarray(offset, offset + size)).buffer;
    columns[name] = new columnTypes[type](copy);
    offset += size;
  }
  const { version, document, sequence } = header;
  return { image: { version, document, columns }, sequence };
}

function typeOf(column: Column): ColumnType {
  if (column instanceof Uint8Array) return 'Uint8Array';
  if (column instanceof Int32Array) return 'Int32Array';
  if (column instanceof Uint32Array) return 'Uint32Array';
  return column instanceof Float32Array ? 'Float32Array' : 'Float64Array';
}
