// The exchange of this node's site, as its owner's limits and its LAN let it take part.

import type { BlobClient } from '../blobs/blob-client.ts';
import type { DiskRoom } from '../blobs/disk-room.ts';
import { toBlobParts } from '../bus/exchange-wire.ts';
import type { Reporter } from '../bus/reporter.ts';
import { isNeighbour } from '../lan/neighbour.ts';
import { log } from '../log.ts';
import type { Owner } from '../owner/owner.ts';
import { readOwnLan } from '../probe/lan.ts';
import type { Identity, StateFolder } from '../state/state-folder.ts';
import { originOf } from './origin.ts';
import type { SiteExchangeOptions } from './site-exchange.ts';
import { SiteExchange } from './site-exchange.ts';

export function ownExchange(
  {
    state,
    identity,
    owner,
  }: { readonly state: StateFolder; readonly identity: Identity; readonly owner: Owner },
  other: Pick<SiteExchangeOptions, 'lanPacer' | 'keptOf'> & {
    readonly blobs: BlobClient;
    readonly room: Pick<DiskRoom, 'take'>;
    readonly reporter: Pick<Reporter, 'say'>;
  },
): SiteExchange {
  const { blobs, room, reporter, lanPacer, keptOf } = other;
  return new SiteExchange({
    ...{ folder: state.file('blobs'), origin: originOf(blobs), lanPacer, keptOf },
    ...{ log, isNeighbour, ownLan: readOwnLan, salt: identity.nodeId },
    isSmallBoard: owner.inventory().architecture === 'armv6l',
    mayTransfer: () => owner.mayTransfer(),
    onPace: (part) => owner.keepToPart(part),
    say: (said, here) => reporter.say([], { blobParts: toBlobParts(said, here) }),
    onWhole: (sha256) => blobs.came(sha256),
    isHere: (blob) => blobs.isHere(blob),
    takeRoom: async (blob) => {
      // Tasks' inputs need room, too.
      if (blob.sizeBytes <= owner.limits.cacheBytes / 2) {
        return await room.take(`package ${blob.sha256}`, [blobs.comingOf(blob)]);
      }
      throw new Error('the owner leaves no room for it');
    },
    nowMs: () => performance.now(),
  });
}
