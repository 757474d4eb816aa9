// Whose research ran here: counted once each, the latest first, bounded, and kept over starts. And when a
// board with too little power takes tasks again.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { KeptFile } from '../../../agent/adapters/state/kept-file.ts';
import { History, mostKept } from '../../../agent/adapters/owner/history.ts';
import { atFirst, look, powerOf } from '../../../agent/adapters/owner/power-watch.ts';
import type { Exit, Lease } from '../../../agent/core/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-history-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const exit: Exit = { code: 'succeeded', exitCode: 0, cpuMs: 5, wallMs: 6, detail: '' };

function lease(leaseId: number, jobName: string, researcher = 'alice'): Lease {
  return {
    ...{ leaseId, jobName, researcher, jobId: 'j', taskIndex: 0, command: [], environment: {} },
    ...{ bundle: { sha256: '', sizeBytes: 0, capability: '' }, isRootFileSystem: false },
    ...{ inputs: [], outputs: [], timeoutMs: 0, memoryBytes: 0, diskBytes: 0 },
    ...{ uploadCapability: '', keepsCheckpoint: false, hasSocket: false },
  };
}

test('tasks are counted by researcher and job, each once, the latest first', () => {
  const history = new History(new KeptFile(join(folder, 'counted.json')));
  history.ended(lease(1, 'words'), exit, 100);
  history.ended(lease(1, 'words'), exit, 100);
  history.ended(lease(2, 'primes', 'bob'), exit, 200);
  history.ended(lease(3, 'words'), exit, 300);
  // One that never ran.
  history.ended(lease(4, 'other'), { ...exit, wallMs: 0 }, 400);
  expect(history.latest).toEqual([
    { researcher: 'alice', job: 'words', tasks: 2, cpuMs: 10, lastUnixMs: 300 },
    { researcher: 'bob', job: 'primes', tasks: 1, cpuMs: 5, lastUnixMs: 200 },
  ]);
});

test('the list is bounded, kept, and written each ten minutes at most', () => {
  const file = join(folder, 'kept.json');
  const history = new History(new KeptFile(file));
  for (let each = 0; each <= mostKept; each += 1) history.ended(lease(each, `job${each}`), exit, 1);
  expect(history.latest).toHaveLength(mostKept);
  history.saveSometimes(0);
  const written = readFileSync(file, 'utf8');
  history.ended(lease(999, 'late'), exit, 2);
  history.saveSometimes(599_999);
  expect(readFileSync(file, 'utf8')).toBe(written);
  history.saveSometimes(600_000);
  expect(new History(new KeptFile(file)).latest).toEqual(history.latest);
});

test('a blink of the voltage is nothing; one that lasts ends tasks, and ten minutes of rest follow', () => {
  let watch = look(atFirst, true, 0);
  expect(powerOf(watch, 0)).toBe('enough');
  watch = look(watch, true, 2_000);
  expect(powerOf(watch, 2_000)).toBe('low');
  watch = look(watch, false, 4_000);
  expect(powerOf(watch, 4_000)).toBe('resting');
  expect(powerOf(watch, 601_999)).toBe('resting');
  expect(powerOf(watch, 602_000)).toBe('enough');
  expect(powerOf(look(look(atFirst, null, 0), null, 1), 1)).toBe('enough');
});
