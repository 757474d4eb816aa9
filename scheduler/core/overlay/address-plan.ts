// Who has which address on the overlay: one /48 for the federation, in which slice 0 is the core's
// and each OpenVPN server has another, a /64. Addresses are written as RFC 5952 wants them, since
// they are compared with what OpenVPN says.

/** The first three groups of the federation's /48, 0 to 65,535 each. */
export type Prefix = readonly [number, number, number];

export type ParsedPrefix =
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  /** For people: what was wanted, what was found, what to do. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Slice 0 is the core's. */
export const lastSlice = 65_535;
/** The first addresses of a slice are its OpenVPN server's. */
const addressesOfServer = 16;

/** Reads "fd12:3456:789a::/48". */
export function parsePrefix(text: string): ParsedPrefix {
  const [, address = '', length] = /^([^/]*)\/(\d{1,3})$/.exec(text) ?? [];
  const groups = groupsOf(address);
  if (groups === null) return refused(text, 'it is no IPv6 prefix');
  if (Number(length) !== 48) return refused(text, 'it is no /48');
  const prefix: Prefix = [groups[0] ?? 0, groups[1] ?? 0, groups[2] ?? 0];
  if (groups.slice(3).some((group) => group !== 0)) {
    return refused(text, `bits after the 48th are set (${formatPrefix(prefix)} has none)`);
  }
  const isOwn = prefix[0] >= 0xfd00 && prefix[0] <= 0xfdff;
  const isGlobal = prefix[0] >= 0x2000 && prefix[0] <= 0x3fff;
  if (!isOwn && !isGlobal) {
    return refused(text, 'it is outside fd00::/8 (anybody may take one) and 2000::/3 (a provider)');
  }
  return { kind: 'prefix', prefix };
}

function refused(text: string, why: string): ParsedPrefix {
  const reason = `${text}: wanted an IPv6 /48 like fd12:3456:789a::/48, found that ${why}: name another one`;
  return { kind: 'refused', reason };
}

/** "fd12:3456:789a::/48". */
export function formatPrefix(prefix: Prefix): string {
  return `${format([...prefix, 0, 0, 0, 0, 0])}/48`;
}

/** Where the scheduler and its bus are. */
export function coreAddress(prefix: Prefix): string {
  return format([...prefix, 0, 0, 0, 0, 1]);
}

/** The /64 of one OpenVPN server. */
export function sliceNetwork(prefix: Prefix, slice: number): string {
  return `${format([...prefix, slice, 0, 0, 0, 0])}/64`;
}

/** The OpenVPN server's own end of its tunnels. */
export function serverAddress(prefix: Prefix, slice: number): string {
  return format([...prefix, slice, 0, 0, 0, 1]);
}

/** A node's, the same for life: its slice and its number are for life. */
export function nodeAddress(
  prefix: Prefix,
  { slice, nodeNumber }: { readonly slice: number; readonly nodeNumber: number },
): string {
  const host = nodeNumber + addressesOfServer;
  return format([...prefix, slice, 0, 0, Math.floor(host / 65_536), host % 65_536]);
}

/** The eight groups of an IPv6 address; null: it is none. */
function groupsOf(address: string): readonly number[] | null {
  const [head = '', tail, ...more] = address.split('::');
  const left = partsOf(head);
  const right = partsOf(tail ?? '');
  const missing = 8 - left.length - right.length;
  const isWhole = tail === undefined ? missing === 0 : missing > 0;
  const groups = [...left, ...Array<number>(Math.max(0, missing)).fill(0), ...right];
  return isWhole && more.length === 0 && !groups.some(Number.isNaN) ? groups : null;
}

function partsOf(text: string): readonly number[] {
  if (text === '') return [];
  const isGroup = /^[0-9a-f]{1,4}$/i;
  return text
    .split(':')
    .map((part) => (isGroup.test(part) ? Number.parseInt(part, 16) : Number.NaN));
}

/** RFC 5952: lower case, and the first of the longest runs of zeros is "::". */
function format(groups: readonly number[]): string {
  let longest = { start: 0, length: 1 };
  for (const start of groups.keys()) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > longest.length) longest = { start, length };
  }
  const hex = (part: readonly number[]): string => part.map((each) => each.toString(16)).join(':');
  if (longest.length === 1) return hex(groups);
  return `${hex(groups.slice(0, longest.start))}::${hex(groups.slice(longest.start + longest.length))}`;
}
