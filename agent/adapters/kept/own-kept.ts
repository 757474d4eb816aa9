// The kept outputs of this node, as its owner's limits and its LAN let it have them.

import { isNeighbour } from '../lan/neighbour.ts';
import type { DiskRoom } from '../blobs/disk-room.ts';
import type { BlobClient } from '../blobs/blob-client.ts';
import type { UplinkPacer } from '../blobs/uplink-pacer.ts';
import type { Reporter } from '../bus/reporter.ts';
import { ChunkClient } from '../exchange/chunk-client.ts';
import { log } from '../log.ts';
import type { Owner } from '../owner/owner.ts';
import { readOwnLan } from '../probe/lan.ts';
import type { StateFolder } from '../state/state-folder.ts';
import type { KeptOutputsOptions } from './kept-outputs.ts';
import { KeptOutputs } from './kept-outputs.ts';

export function ownKept(
  { owner, state }: { readonly owner: Owner; readonly state: StateFolder },
  other: Pick<KeptOutputsOptions, 'here' | 'onNews'> & {
    readonly blobs: BlobClient;
    readonly room: Pick<DiskRoom, 'take'>;
    readonly lanPacer: Pick<UplinkPacer, 'stream'>;
    readonly reporter: Pick<Reporter, 'say'>;
  },
): KeptOutputs {
  const { here, onNews, blobs, room, lanPacer, reporter } = other;
  return new KeptOutputs({
    ...{ folder: state.file('kept'), blobs, here, onNews, log, client: new ChunkClient(lanPacer) },
    isPeer: (address) => {
      const own = readOwnLan();
      return own !== null && isNeighbour(address, own);
    },
    mostBytes: () => owner.limits.cacheBytes,
    areLimitsKnown: () => owner.limitsProblem === null,
    takeRoom: (blob) => room.take(`kept output ${blob.sha256}`, [blobs.comingOf(blob)]),
    mayTransfer: () => owner.mayTransfer(),
    sayMissing: (sha256) => reporter.say([], { keptMissing: [sha256] }),
  });
}
