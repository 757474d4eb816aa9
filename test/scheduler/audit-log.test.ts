// The audit log on disk: what was recorded is read back, whole lines only, within its bound.

import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AuditLog } from '../../scheduler/adapters/audit/audit-log.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'punnet-audit-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function entry(unixMs: number) {
  return {
    ...{ unixMs, role: 'operator', name: 'eve', tokenId: 't1' },
    ...{ action: 'NodeService/RevokeNode', target: `node n${unixMs}`, outcome: 'done' },
  };
}

const all = { before: null, sinceUnixMs: 0, limit: 1_000 };

test('entries recorded at once keep their order, over a restart too', async () => {
  const log = AuditLog.open(folder);
  await Promise.all([1, 2, 3, 4, 5].map((each) => log.record(entry(each))));
  await log.close();
  const next = AuditLog.open(folder);
  await next.record(entry(6));
  await next.close();
  const found = next.read(all);
  expect(found.map(({ number }) => number)).toEqual([6, 5, 4, 3, 2, 1]);
  expect(found.at(-1)).toEqual({ number: 1, ...entry(1) });
});

test('pages go backwards from a number, and end at a time', async () => {
  const log = AuditLog.open(folder, { fileBytes: 300 });
  for (const each of [1, 2, 3, 4, 5, 6]) await log.record(entry(each));
  await log.close();
  expect(readdirSync(join(folder, 'audit')).length).toBeGreaterThan(1);
  const page = (before: number | null, limit: number, sinceUnixMs = 0): readonly number[] =>
    log.read({ before, sinceUnixMs, limit }).map(({ number }) => number);
  expect(page(null, 2)).toEqual([6, 5]);
  expect(page(5, 3)).toEqual([4, 3, 2]);
  expect(page(2, 3)).toEqual([1]);
  expect(page(null, 9, 4)).toEqual([6, 5, 4]);
});

test('a line that a crash cut short goes, and what was acknowledged stays', async () => {
  const log = AuditLog.open(folder);
  await log.record(entry(1));
  await log.close();
  const [file = ''] = readdirSync(join(folder, 'audit'));
  appendFileSync(join(folder, 'audit', file), '{"number":2,"unixMs":2');
  const next = AuditLog.open(folder);
  await next.record(entry(3));
  await next.close();
  expect(next.read(all).map(({ number, unixMs }) => [number, unixMs])).toEqual([
    [2, 3],
    [1, 1],
  ]);
});

test('the oldest file goes at the bound', async () => {
  const log = AuditLog.open(folder, { fileBytes: 400, files: 3 });
  for (let each = 1; each <= 50; each += 1) await log.record(entry(each));
  await log.close();
  const files = readdirSync(join(folder, 'audit'));
  expect(files).toHaveLength(3);
  const sizes = files.map((file) => statSync(join(folder, 'audit', file)).size);
  // At most one entry over the size that closes a file.
  expect(Math.max(...sizes)).toBeLessThan(700);
  const numbers = log.read(all).map(({ number }) => number);
  expect(numbers[0]).toBe(50);
  expect(numbers.at(-1)).toBeGreaterThan(40);
});
