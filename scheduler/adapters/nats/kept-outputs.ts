// What a node tells of outputs that stay on it, checked: other nodes are told of its address.

import { isIPv4 } from 'node:net';
import type { FromNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { jobId } from '../../core/index.ts';
import type { NodeSpoke } from '../../core/index.ts';
import { Malformed, few, text, whole } from './fields.ts';

/** What it keeps, of a report; throws a `Malformed` that names the field. */
export function keptOutputs({ report }: FromNode): Pick<NodeSpoke, 'kept'> {
  if (report?.kept === undefined) return {};
  const { jobIds, address, port } = report.kept;
  const isNowhere = address === '' && port === 0;
  if (!isNowhere && !(isIPv4(address) && port > 0 && port <= 65_535)) {
    throw new Malformed('kept: want an IPv4 address and a port of 1 to 65535, or neither');
  }
  const ids = few(jobIds, 'kept').map((id) => jobId(text(id, 'kept')));
  return { kept: { jobIds: ids, address, port: whole(port, 'port') } };
}

/** Hashes of outputs that it does not have any more; throws a `Malformed`. */
export function keptMissing({ keptMissing: hashes }: FromNode): readonly string[] {
  return few(hashes, 'kept_missing').map((hash) => {
    if (hash.length !== 32) throw new Malformed('kept_missing: want a SHA-256 of 32 bytes');
    return Buffer.from(hash).toString('hex');
  });
}
