// Numbers and addresses in a status: what `node:net` and regular expressions would say of them, in a
// fifth of their time. A status of 10,000 clients has 60,000 of them.

import { isIPv6 } from 'node:net';

const [zero, nine, colon, smallA, smallF] = [0x30, 0x39, 0x3a, 0x61, 0x66];
const mostDigits = 20;

/** NaN: it is not one to twenty digits. */
export function countIn(text: string): number {
  if (text.length === 0 || text.length > mostDigits) return Number.NaN;
  let value = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < zero || code > nine) return Number.NaN;
    value = 10 * value + (code - zero);
  }
  // Steps of ten lose digits beyond 2^53.
  return value <= Number.MAX_SAFE_INTEGER ? value : Number(text);
}

/** As isIPv6 of node:net. */
export function isIpv6(text: string): boolean {
  let groups = 0;
  let digits = 0;
  let gaps = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === colon) {
      const isGap = text.charCodeAt(at + 1) === colon;
      // A colon stands between groups, or is half of the gap.
      if (digits === 0 && !(at === 0 && isGap)) return false;
      if (digits > 0) groups += 1;
      digits = 0;
      if (!isGap) continue;
      gaps += 1;
      at += 1;
    } else if ((code >= zero && code <= nine) || (code >= smallA && code <= smallF)) digits += 1;
    // Capitals, zones and IPv4 at the end: OpenVPN hardly ever writes them.
    else return isIPv6(text);
    if (digits > 4) return false;
  }
  if (digits > 0) groups += 1;
  else if (!text.endsWith('::')) return false;
  return gaps === 0 ? groups === 8 : gaps === 1 && groups < 8;
}
