// Bytes of a task with internet wait for their turn, whoever has set a pace, and count once.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { UplinkPacer, type Rate } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import { pacing } from '../../../agent/adapters/internet/pacing.ts';
import { Owner } from '../../../agent/adapters/owner/owner.ts';
import { StateFolder } from '../../../agent/adapters/state/state-folder.ts';
import { Inventory } from '../../../proto/gen/punnet/v1/node.ts';

const slow: Rate = { downBps: 8e6, upBps: 8e6 };
const part = Buffer.alloc(100_000);
const free = { maxBytes: 0, downBps: 0, upBps: 0 };

test.each<[string, Rate | null, Rate | null, Rate | null, boolean]>([
  ['nobody', null, null, null, false],
  ['the owner', slow, null, null, true],
  ['a guess of the line', null, slow, null, true],
  ['its job, a service', null, null, slow, true],
])('paced by %s', { timeout: 60_000 }, async (_, owners, guess, jobs, isPaced) => {
  let bytes = 0;
  const paced = pacing(
    { ...free, ...jobs },
    {
      pacer: new UplinkPacer(
        () => owners,
        () => undefined,
      ),
      guessed: new UplinkPacer(
        () => guess,
        () => undefined,
      ),
      carried: (count) => (bytes += count),
    },
  );
  const startedMs = performance.now();
  const parts = Readable.from([part, part, part, part]);
  await buffer(paced('down').reduce((from: Readable, to) => from.pipe(to), parts));
  // 400 ms of the line, of which 100 go at once; without a pace a busy machine may take as long.
  if (isPaced) expect(performance.now() - startedMs).toBeGreaterThan(250);
  expect(bytes).toBe(400_000);
});

test("a line that nobody has described is taken for a careful guess, at the owner's share", () => {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-guess-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const state = new StateFolder(folder);
  const inventory = Inventory.fromPartial({ slots: 1, memoryBytes: 1e9 });
  const owner = new Owner({ state, inventory, sandboxProblem: null });
  const rates = (limits: object): readonly (Rate | null)[] => {
    writeFileSync(state.file('limits.json'), JSON.stringify(limits));
    owner.look();
    return [owner.rate(), owner.guessedRate()];
  };
  expect(rates({})).toEqual([null, { downBps: 500_000, upBps: 125_000 }]);
  expect(rates({ uplinkShare: 0.5 })).toEqual([null, { downBps: 1e6, upBps: 250_000 }]);
  const uplink = { downBps: 20e6, upBps: 4e6 };
  expect(rates({ uplink })).toEqual([{ downBps: 5e6, upBps: 1e6 }, null]);
});
