// What the core hears of one client of an OpenVPN server.

import type { OpenVpnClient } from '#openvpn-status-parser';
import type { TunnelSeen } from '../../core/index.ts';
import { instant, nodeId } from '../../core/index.ts';
import type { NatGroups } from './nat-groups.ts';

/** Undefined while the handshake is not done. */
export function tunnelOf(
  client: OpenVpnClient,
  natGroups: Pick<NatGroups, 'of'>,
): TunnelSeen | undefined {
  const { commonName, clientId, connectedSinceMs } = client;
  if (commonName === null || clientId === null || connectedSinceMs === null) return undefined;
  return {
    nodeId: nodeId(commonName),
    connection: `${connectedSinceMs}.${clientId}`,
    since: instant(connectedSinceMs),
    natGroup: natGroups.of(client.realAddress.address),
    upBytes: client.bytesReceived,
    downBytes: client.bytesSent,
  };
}
