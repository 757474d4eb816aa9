// Clients and routes out of the rows of their tables.

import { isIPv4 } from 'node:net';
import { countIn, isIpv6 } from './plain-text.ts';
import type { OpenVpnClient, OpenVpnRoute, RealAddress } from './status.ts';
import { Table } from './table.ts';

/** What OpenVPN writes where it has no name. A client may be called so, too. */
const unknown = 'UNDEF';
// The protocol stands before an address since servers listen to several (OpenVPN 2.7).
const realAddress = /^(?:(?:udp|tcp)[46]?(?:-server)?:)?(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/;
const lastPort = 65_535;
const hardwareAddress = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?:@\d+)?$/;

/** Reads rows of the list of clients. */
export class ClientRows {
  readonly #table: Table;
  readonly #at;

  constructor(table: Table, line: number) {
    this.#table = table;
    this.#at = {
      commonName: table.place('Common Name', line),
      realAddress: table.place('Real Address', line),
      virtualIpv4: table.placeIfAny('Virtual Address'),
      virtualIpv6: table.placeIfAny('Virtual IPv6 Address'),
      bytesReceived: table.place('Bytes Received', line),
      bytesSent: table.place('Bytes Sent', line),
      connectedSince: table.place('Connected Since', line),
      connectedSinceSeconds: table.placeIfAny('Connected Since (time_t)'),
      username: table.placeIfAny('Username'),
      clientId: table.placeIfAny('Client ID'),
      peerId: table.placeIfAny('Peer ID'),
      cipher: table.placeIfAny('Data Channel Cipher'),
    };
  }

  read(values: readonly string[], line: number): OpenVpnClient {
    const table = this.#table;
    const at = this.#at;
    table.enter(values, line);
    const name = table.text(at.commonName);
    const virtualIpv4 = this.#virtual(at.virtualIpv4, isIPv4);
    const virtualIpv6 = this.#virtual(at.virtualIpv6, isIpv6);
    const username = table.textOrNull(at.username);
    const isKnown = name !== unknown || virtualIpv4 !== null || virtualIpv6 !== null;
    return {
      commonName: isKnown ? name : null,
      realAddress: readRealAddress(table, at.realAddress),
      virtualIpv4,
      virtualIpv6,
      bytesReceived: table.count(at.bytesReceived),
      bytesSent: table.count(at.bytesSent),
      connectedSinceMs: table.msOrNull(at.connectedSinceSeconds),
      connectedSinceText: table.text(at.connectedSince),
      username: username === unknown ? null : username,
      clientId: table.countOrNull(at.clientId),
      peerId: table.countOrNull(at.peerId),
      cipher: table.textOrNull(at.cipher),
    };
  }

  #virtual(at: number, isAddress: (text: string) => boolean): string | null {
    const text = this.#table.textOrNull(at);
    if (text === null || isAddress(text)) return text;
    throw this.#table.flaw(at, 'an address');
  }
}

/** Reads rows of the routing table. */
export class RouteRows {
  readonly #table: Table;
  readonly #at;

  constructor(table: Table, line: number) {
    this.#table = table;
    this.#at = {
      to: table.place('Virtual Address', line),
      commonName: table.place('Common Name', line),
      realAddress: table.place('Real Address', line),
      lastUsedSeconds: table.placeIfAny('Last Ref (time_t)'),
    };
  }

  read(values: readonly string[], line: number): OpenVpnRoute {
    const table = this.#table;
    table.enter(values, line);
    const text = table.text(this.#at.to);
    // Addresses are written in small letters: a C behind one is the mark of a learned route.
    const isLearned = text.endsWith('C');
    const whole = isLearned ? text.slice(0, -1) : text;
    const slash = whole.indexOf('/');
    const to = slash < 0 ? whole : whole.slice(0, slash);
    const prefixBits = slash < 0 ? null : bitsOf(to, whole.slice(slash + 1));
    const isNetwork = prefixBits !== null && !Number.isNaN(prefixBits);
    if (!isNetwork && (slash >= 0 || !isDestination(to))) {
      throw table.flaw(this.#at.to, 'an address or a network');
    }
    return {
      to,
      prefixBits,
      isLearned,
      commonName: table.text(this.#at.commonName),
      realAddress: readRealAddress(table, this.#at.realAddress),
      lastUsedAtMs: table.msOrNull(this.#at.lastUsedSeconds),
    };
  }
}

function isDestination(text: string): boolean {
  return isIpv6(text) || isIPv4(text) || hardwareAddress.test(text);
}

/** NaN: not a network's. */
function bitsOf(address: string, text: string): number {
  const most = isIPv4(address) ? 32 : isIpv6(address) ? 128 : -1;
  return /^\d{1,3}$/.test(text) && Number(text) <= most ? Number(text) : Number.NaN;
}

/** Beside IPv6 OpenVPN writes no port, or with brackets. */
function readRealAddress(table: Table, at: number): RealAddress {
  const text = table.text(at);
  // Most are IPv4 and a port.
  const end = text.indexOf(':');
  const plainPort = countIn(text.slice(end + 1));
  if (plainPort <= lastPort && isIPv4(text.slice(0, end))) {
    return { address: text.slice(0, end), port: plainPort };
  }
  const match = realAddress.exec(text);
  if (match === null && isIpv6(text)) return { address: text, port: null };
  const [, ipv6, ipv4, port] = match ?? [];
  const isAddress = ipv6 === undefined ? isIPv4(ipv4 ?? '') : isIpv6(ipv6);
  if (!isAddress || Number(port ?? 0) > lastPort) throw table.flaw(at, 'an address and a port');
  return { address: ipv6 ?? ipv4 ?? '', port: port === undefined ? null : Number(port) };
}
