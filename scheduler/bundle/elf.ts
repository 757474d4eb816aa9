// What an ELF file was built for, from its header and, on 32-bit ARM, from its attributes. Pure: its
// bytes come from researchers, are read within their bounds, and make nothing throw.
// Elf32_Ehdr, Elf32_Shdr: System V ABI. Attributes: "Addenda to the ABI for the Arm Architecture".

export interface Elf {
  /** As in `uname -m`, without a level for 32-bit ARM: "arm". */
  readonly machine: string;
  /** Started as a program, or the C library: not a library that others load. */
  readonly isProgram: boolean;
  /** The loader that it asks for, such as /lib/ld-linux-armhf.so.3; null: it is static. */
  readonly interpreter: string | null;
  /** Of 32-bit ARM, as far as its attributes say so. */
  readonly arm: ArmBuild | null;
}

interface ArmBuild {
  /** Tag_CPU_arch: the least processor. */
  readonly cpu: number | null;
  readonly float: 'hard' | 'soft' | 'either';
}

/** EM_ARM. Its attributes are in sections, which lie at the end of a file. */
const emArm = 40;
const machines = new Map([
  [3, 'i386'],
  [emArm, 'arm'],
  [62, 'x86_64'],
  [183, 'aarch64'],
  [243, 'riscv'],
]);
const types = { executable: 2, shared: 3 } as const;
const segmentInterpreter = 3;
const sectionArmAttributes = 0x7000_0003;
const flagSoftFloat = 0x200;
const flagHardFloat = 0x400;
const maxNameBytes = 256;

/** Names of Tag_CPU_arch. */
const cpuNames = [
  ...['armv4', 'armv4', 'armv4t', 'armv5t', 'armv5te', 'armv5tej', 'armv6', 'armv6kz'],
  ...['armv6t2', 'armv6k', 'armv7', 'armv6-m', 'armv6s-m', 'armv7e-m', 'armv8'],
];

/** Whether the file that begins so is ELF for 32-bit ARM: then `readElf` wants all of it. */
export function isArmElf(head: Buffer): boolean {
  return isElf(head) && head.length >= 20 && read16(head, 18, head[5] !== 2) === emArm;
}

export function isElf(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === 0x7f45_4c46;
}

/** null: no ELF, or neither a program nor a library. The start of a file is enough but for ARM. */
export function readElf(bytes: Buffer): Elf | null {
  if (!isElf(bytes) || bytes.length < 52) return null;
  const isLittle = bytes[5] !== 2;
  const type = read16(bytes, 16, isLittle);
  if (type !== types.executable && type !== types.shared) return null;
  const number = read16(bytes, 18, isLittle);
  const name = machines.get(number) ?? `machine ${number}`;
  const machine = isLittle ? name : `${name} (big-endian)`;
  const interpreter = isLittle ? interpreterOf(bytes) : null;
  return {
    machine,
    isProgram: type === types.executable || interpreter !== null,
    interpreter,
    arm: machine === 'arm' ? armBuild(bytes) : null,
  };
}

/** What it was built for, in words. */
export function elfText({ machine, arm }: Elf): string {
  if (arm === null) return machine;
  const cpu = arm.cpu === null ? 'arm' : (cpuNames[arm.cpu] ?? `arm (CPU ${arm.cpu})`);
  return arm.float === 'either' ? cpu : `${cpu} with ${arm.float} float`;
}

function interpreterOf(bytes: Buffer): string | null {
  const is64 = bytes[4] === 2;
  const [at, size, count] = is64
    ? [read64(bytes, 32), read16(bytes, 54), read16(bytes, 56)]
    : [read32(bytes, 28), read16(bytes, 42), read16(bytes, 44)];
  for (let index = 0; index < count; index += 1) {
    const segment = at + index * size;
    if (segment + 40 > bytes.length) return null;
    if (read32(bytes, segment) !== segmentInterpreter) continue;
    const start = is64 ? read64(bytes, segment + 8) : read32(bytes, segment + 4);
    const text = bytes.toString('latin1', start, start + maxNameBytes);
    // Where the text lies beyond what was read, there is an interpreter all the same.
    return text.split('\0', 1)[0] ?? '';
  }
  return null;
}

function armBuild(bytes: Buffer): ArmBuild {
  const flags = read32(bytes, 36);
  const tags = armTags(bytes);
  return { cpu: tags.get(6) ?? null, float: floatOf(flags, tags.get(28)) };
}

/** Tag_ABI_VFP_args: 1 passes numbers in registers of the VFP. */
function floatOf(flags: number, vfpArgs: number | undefined): ArmBuild['float'] {
  if ((flags & flagHardFloat) !== 0 || vfpArgs === 1) return 'hard';
  return (flags & flagSoftFloat) !== 0 ? 'soft' : 'either';
}

/** The whole file's numbers by their tag; empty when there are none, or they are broken. */
function armTags(bytes: Buffer): ReadonlyMap<number, number> {
  const at = read32(bytes, 32);
  const size = read16(bytes, 46);
  const count = read16(bytes, 48);
  for (let index = 0; index < count; index += 1) {
    const section = at + index * size;
    if (section + 24 > bytes.length) break;
    if (read32(bytes, section + 4) !== sectionArmAttributes) continue;
    const start = read32(bytes, section + 16);
    return tagsOf(bytes.subarray(start, start + read32(bytes, section + 20)));
  }
  return new Map();
}

/** 'A', then for each vendor: length, name, and subsections of a tag, a length and attributes. */
function tagsOf(section: Buffer): ReadonlyMap<number, number> {
  let at = 1;
  while (section[0] === 0x41 && at + 4 <= section.length) {
    const length = read32(section, at);
    const vendor = section.subarray(at + 4, at + length);
    const isPublic = vendor.toString('latin1', 0, 6) === 'aeabi\0';
    // Tag_File is 1: attributes of the file as a whole, always the first.
    if (isPublic && vendor[6] === 1) return fileTags(vendor.subarray(11, 6 + read32(vendor, 7)));
    at += Math.max(length, 4);
  }
  return new Map();
}

function fileTags(bytes: Buffer): ReadonlyMap<number, number> {
  const tags = new Map<number, number>();
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; at < bytes.length && shift < 28; shift += 7) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = number();
    // Tag_compatibility is a number and a text.
    if (!isText(tag) || tag === 32) tags.set(tag, number());
    if (!isText(tag)) continue;
    const end = bytes.indexOf(0, at);
    at = end < 0 ? bytes.length : end + 1;
  }
  return tags;
}

/** CPU names; above 32 odd tags are texts. */
function isText(tag: number): boolean {
  return tag === 4 || tag === 5 || tag === 32 || (tag > 32 && tag % 2 === 1);
}

// Beyond the end there are zeros.

function read16(bytes: Buffer, at: number, isLittle = true): number {
  if (at + 2 > bytes.length) return 0;
  return isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}

function read32(bytes: Buffer, at: number): number {
  return at + 4 > bytes.length ? 0 : bytes.readUInt32LE(at);
}

function read64(bytes: Buffer, at: number): number {
  return at + 8 > bytes.length ? 0 : Number(bytes.readBigUInt64LE(at));
}
