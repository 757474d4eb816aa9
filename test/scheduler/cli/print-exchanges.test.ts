// How a site's exchanges look.
import { expect, test } from 'vitest';
import { SiteExchange } from '../../../proto/gen/punnet/v1/node_service.ts';
import type { CliIo } from '../../../scheduler/cli/io.ts';
import { exchangesText } from '../../../scheduler/cli/print-exchanges.ts';

const io: CliIo = {
  ...{ isTty: false, env: {}, signal: new AbortController().signal },
  ...{ out: () => {}, err: () => {}, now: () => 0 },
};

function exchange(changes: Partial<SiteExchange>): SiteExchange {
  return SiteExchange.fromPartial({
    ...{ sha256: 'cd'.repeat(32), sizeBytes: 4_000_000, chunks: 62, heldChunks: 62 },
    ...{ members: 2, wholeMembers: 2, leasedBytes: 4_000_000 },
    ...changes,
  });
}

const half = exchange({
  ...{ sha256: 'ab'.repeat(32), heldChunks: 31, members: 20, wholeMembers: 0 },
  ...{ carriers: 2, leasedBytes: 2_100_000, unfoundChunks: 1 },
});

const head =
  'EXCHANGED     SIZE  AT THE SITE  WHOLE AT  BRING  OVER THE LINE  UNFOUND\n' +
  'abababababab  4 MB  50%          0 of 20   2      0.53 times     1 chunk\n';
const whole = '\nexchanged, and whole at all nodes that take part: 2 blobs\n';

test.each([
  ['none', [], ''],
  ['one that is under way', [half], `\n${head}`],
  ['those that are whole everywhere', [exchange({}), exchange({})], whole],
  ['both', [exchange({}), half, exchange({})], `\n${head}${whole}`],
])('%s', (_, exchanges, text) => {
  expect(exchangesText(io, exchanges)).toBe(text);
});

test('nearly all is not all', () => {
  const nearly = exchange({ chunks: 1_000, heldChunks: 999, wholeMembers: 0 });
  expect(exchangesText(io, [nearly])).toContain('  99%  ');
});
