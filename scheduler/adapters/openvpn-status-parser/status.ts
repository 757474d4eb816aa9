// What an OpenVPN server's status says.

export interface OpenVpnStatus {
  readonly format: 1 | 2 | 3;
  /** Milliseconds since the epoch; null in format 1, which has the server's local time only. */
  readonly writtenAtMs: number | null;
  /** Those that are connected, or about to be, in the server's order. */
  readonly clients: readonly OpenVpnClient[];
  readonly routes: readonly OpenVpnRoute[];
}

export interface OpenVpnClient {
  /** Of its certificate; null: the handshake is not done, so that nobody knows who it is. */
  readonly commonName: string | null;
  readonly realAddress: RealAddress;
  /** null: it has none, or not yet. */
  readonly virtualIpv4: string | null;
  readonly virtualIpv6: string | null;
  /** By the server from this client, since it connected. A client that connects again starts anew, with
   * another `clientId`. Above 2^53 the nearest number that JavaScript has. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Milliseconds since the epoch, in whole seconds; null in format 1. */
  readonly connectedSinceMs: number | null;
  /** In the server's local time and its own words. */
  readonly connectedSinceText: string;
  readonly username: string | null;
  /** Of this connection; counts up from 0 at each start of the server. null in format 1 and before
   * OpenVPN 2.4. */
  readonly clientId: number | null;
  readonly peerId: number | null;
  /** Of the data channel; null in format 1 and before OpenVPN 2.5. */
  readonly cipher: string | null;
}

/** Where its packets come from: behind NAT, the router's address. */
export interface RealAddress {
  /** IPv4 or IPv6, as the server writes it. */
  readonly address: string;
  /** null: OpenVPN writes none beside IPv6. */
  readonly port: number | null;
}

export interface OpenVpnRoute {
  /** An address, or for a server with `dev tap` the one of a network card. */
  readonly to: string;
  /** Of a network's prefix; null: of one address. */
  readonly prefixBits: number | null;
  /** Learned from a packet that came from there, and forgotten again (OpenVPN marks it with a C). */
  readonly isLearned: boolean;
  readonly commonName: string;
  readonly realAddress: RealAddress;
  /** Milliseconds since the epoch, in whole seconds; null in format 1. */
  readonly lastUsedAtMs: number | null;
}
