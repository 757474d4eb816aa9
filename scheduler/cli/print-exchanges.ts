// How the blobs that a site exchanges look.
import type { SiteExchange } from '../../proto/gen/punnet/v1/node_service.ts';
import type { CliIo } from './io.ts';
import { bytesText, countText, table } from './print.ts';

/** A line for each blob that is under way, and how much is whole everywhere. Empty without any. */
export function exchangesText(io: CliIo, exchanges: readonly SiteExchange[]): string {
  const underWay = exchanges.filter(({ members, wholeMembers }) => wholeMembers < members);
  const rows = underWay.map((each) => [
    each.sha256.slice(0, 12),
    bytesText(each.sizeBytes),
    `${Math.floor((100 * each.heldChunks) / each.chunks)}%`,
    `${each.wholeMembers} of ${each.members}`,
    String(each.carriers),
    `${(each.leasedBytes / each.sizeBytes).toFixed(2)} times`,
    each.unfoundChunks === 0 ? '' : countText(each.unfoundChunks, 'chunk'),
  ]);
  const head = [
    'exchanged',
    'size',
    'at the site',
    'whole at',
    'bring',
    'over the line',
    'unfound',
  ];
  const shown = rows.length === 0 ? '' : `\n${table(io, head, rows)}`;
  return shown + wholeText(exchanges.length - underWay.length);
}

function wholeText(count: number): string {
  if (count === 0) return '';
  return `\nexchanged, and whole at all nodes that take part: ${countText(count, 'blob')}\n`;
}
