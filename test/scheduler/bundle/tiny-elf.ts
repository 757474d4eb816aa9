// ELF files by hand: a header, a segment that names the loader, and a section of ARM attributes.

import { pack } from 'tar-stream';

export interface TinyElf {
  readonly machine: number;
  readonly is64?: boolean;
  readonly isBigEndian?: boolean;
  /** 1: relocatable, 2: executable, 3: shared. */
  readonly type?: number;
  readonly flags?: number;
  readonly interpreter?: string;
  readonly attributes?: Buffer;
}

export function tinyElf(wanted: TinyElf): Buffer {
  const { machine, is64 = false, isBigEndian = false, type = 3, flags = 0 } = wanted;
  const header = Buffer.alloc(64);
  header.write('\x7fELF', 'latin1');
  header[4] = is64 ? 2 : 1;
  header[5] = isBigEndian ? 2 : 1;
  if (isBigEndian) {
    header.writeUInt16BE(type, 16);
    header.writeUInt16BE(machine, 18);
    return header;
  }
  header.writeUInt16LE(type, 16);
  header.writeUInt16LE(machine, 18);
  const text = Buffer.from(`${wanted.interpreter ?? ''}\0`);
  const attributes = wanted.attributes ?? Buffer.alloc(0);
  const segment = Buffer.alloc(56);
  const textAt = header.length + segment.length;
  const sectionsAt = textAt + text.length + attributes.length;
  const hasSegment = wanted.interpreter === undefined ? 0 : 1;
  if (hasSegment === 1) segment.writeUInt32LE(3, 0);
  if (is64) {
    header.writeBigUInt64LE(BigInt(header.length), 32);
    header.writeUInt16LE(segment.length, 54);
    header.writeUInt16LE(hasSegment, 56);
    segment.writeBigUInt64LE(BigInt(textAt), 8);
    return Buffer.concat([header, segment, text]);
  }
  header.writeUInt32LE(header.length, 28);
  header.writeUInt32LE(sectionsAt, 32);
  header.writeUInt32LE(flags, 36);
  header.writeUInt16LE(segment.length, 42);
  header.writeUInt16LE(hasSegment, 44);
  header.writeUInt16LE(40, 46);
  header.writeUInt16LE(2, 48);
  segment.writeUInt32LE(textAt, 4);
  const sections = Buffer.alloc(80);
  sections.writeUInt32LE(0x7000_0003, 44);
  sections.writeUInt32LE(textAt + text.length, 56);
  sections.writeUInt32LE(attributes.length, 60);
  return Buffer.concat([header, segment, text, attributes, sections]);
}

/** .ARM.attributes of Debian 12's `hello`, for armhf: ARMv7-A, VFPv3-D16, hard float. */
export const debianArmhf = Buffer.from(
  '4132000000616561626900012800000005372d4100060a0741080109020a0412041301140115011703180119011a021c012201',
  'hex',
);
/** The same of armel: ARMv5TE, soft float. */
export const debianArmel = Buffer.from(
  '412a0000006165616269000120000000053554450006040801090112041301140115011703180119011a02',
  'hex',
);

/** Attributes with these tags: Tag_CPU_arch (6) and Tag_ABI_VFP_args (28) of a file. */
export function attributes(cpu: number, vfpArgs: number): Buffer {
  const tags = Buffer.from([0x05, 0x58, 0, 6, cpu, 65, 0x78, 0, 28, vfpArgs]);
  const file = Buffer.concat([Buffer.from([1]), u32(5 + tags.length), tags]);
  return Buffer.concat([Buffer.from('A'), u32(4 + 6 + file.length), Buffer.from('aeabi\0'), file]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A tar of files. Those named `*.txt` are no programs. */
export async function tarOf(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, bytes] of Object.entries(files)) {
    tar.entry({ name, mode: name.endsWith('.txt') ? 0o644 : 0o755 }, bytes);
  }
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}
