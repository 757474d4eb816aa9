// Real addresses: hashed for everybody, kept for operators for 30 days.

import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AddressBook, keepTidy, keptMs } from '../../../scheduler/adapters/tunnels/address-book.ts';
import { NatGroups } from '../../../scheduler/adapters/tunnels/nat-groups.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-addresses-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a NAT group', () => {
  const groups = new NatGroups(Buffer.alloc(32, 7));
  const rows: readonly (readonly [one: string, other: string, isSame: boolean])[] = [
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['2001:db8:1:2::3', '2001:db8:1:2:ffff::4', true],
    ['2001:db8:1:2::3', '2001:db8:1:3::3', false],
    ['2001:db8::3', '2001:db8:0:0:1::3', true],
    ['::1', '2001:db8::1', false],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
    ['fe80::1%eth0', 'fe80::2%eth0', true],
  ];
  it.each(rows)('of %s and %s is the same: %s', (one, other, isSame) => {
    expect(groups.of(one) === groups.of(other)).toBe(isSame);
  });

  it('says nothing to whoever has not the key, and stays over starts', () => {
    const [one, again, other] = [folder, folder, mkdtempSync(join(folder, 'other-'))].map((data) =>
      NatGroups.open(data).of('192.0.2.1'),
    );
    expect(one).toMatch(/^[0-9a-f]{16}$/);
    expect(one).toBe(again);
    expect(one).not.toBe(other);
  });
});

const at = 1_800_000_000_000;

describe('the address book', () => {
  it('keeps what was seen over starts, the latest first, and for 30 days', () => {
    const book = AddressBook.open(folder, at);
    book.note('n1', '192.0.2.1', at);
    book.note('n1', '192.0.2.2', at + 1_000);
    book.note('n1', '192.0.2.1', at + 2_000);
    book.save(at + 2_000);
    const again = AddressBook.open(folder, at + 3_000);
    expect(again.of('n1', at + 3_000)).toEqual([
      { address: '192.0.2.1', firstUnixMs: at, lastUnixMs: at + 2_000 },
      { address: '192.0.2.2', firstUnixMs: at + 1_000, lastUnixMs: at + 1_000 },
    ]);
    const file = join(folder, 'node-addresses.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(again.of('n1', at + 1_500 + keptMs)).toHaveLength(1);
    again.save(at + 2_000 + keptMs);
    expect(readFileSync(file, 'utf8')).toBe('{}\n');
  });

  it('has a bound for each node', () => {
    const book = AddressBook.open(folder, at);
    for (let each = 0; each < 100; each += 1) book.note('n3', `192.0.2.${each}`, at + each);
    expect(book.of('n3', at + 100)).toHaveLength(32);
    expect(book.of('n3', at + 100)[0]?.address).toBe('192.0.2.99');
  });
});

describe('what the address book forgets', () => {
  const unreachable = (): void => expect.unreachable();

  it('leaves the disk when it is over, though nobody connects any more', () => {
    const file = join(folder, 'node-addresses.json');
    const book = AddressBook.open(folder, at);
    book.note('n4', '192.0.2.4', at);
    book.save(at);
    keepTidy(AddressBook.open(folder, at), () => at + keptMs - 1, unreachable)();
    expect(readFileSync(file, 'utf8')).toContain('192.0.2.4');
    // A scheduler that starts anew, and one that has run all the while.
    const stop = keepTidy(AddressBook.open(folder, at), () => at + keptMs, unreachable);
    expect(readFileSync(file, 'utf8')).toBe('{}\n');
    stop();
    book.save(at + 1);
    expect(readFileSync(file, 'utf8')).toContain('192.0.2.4');
    book.tidy(at + keptMs);
    expect(readFileSync(file, 'utf8')).toBe('{}\n');
  });

  it('is told when it can not be written, stops nothing, and is written the next time', () => {
    const data = mkdtempSync(join(folder, 'full-'));
    const before = AddressBook.open(data, at);
    before.note('n5', '192.0.2.5', at);
    before.save(at);
    const book = AddressBook.open(data, at);
    renameSync(data, `${data}-away`);
    const failures: unknown[] = [];
    const stop = keepTidy(
      book,
      () => at + keptMs,
      (error) => failures.push(error),
    );
    expect(failures).toHaveLength(1);
    renameSync(`${data}-away`, data);
    const file = join(data, 'node-addresses.json');
    expect(readFileSync(file, 'utf8')).toContain('192.0.2.5');
    book.tidy(at + keptMs);
    expect(readFileSync(file, 'utf8')).toBe('{}\n');
    stop();
    expect(failures).toHaveLength(1);
  });

  it('is all of a node that leaves, on disk, too', () => {
    const book = AddressBook.open(folder, at);
    book.note('n2', '192.0.2.3', at);
    book.save(at);
    book.erase('n2', at);
    expect(book.of('n2', at)).toEqual([]);
    expect(readFileSync(join(folder, 'node-addresses.json'), 'utf8')).not.toContain('192.0.2.3');
  });
});
