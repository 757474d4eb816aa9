// What apt's lists and sources say, and which addresses are nobody's LAN.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { Mirror } from '../../../agent/adapters/apt/mirror.ts';
import { SignedLists } from '../../../agent/adapters/apt/signed-lists.ts';
import { readHosts } from '../../../agent/adapters/apt/target.ts';
import { isPublic } from '../../../agent/adapters/internet/public-address.ts';
import { host } from './apt-rig.ts';

const top = mkdtempSync(join(tmpdir(), 'punnet-apt-lists-'));
afterAll(() => rmSync(top, { recursive: true }));

test('two repositories that mean different bytes by one name: that of the host asked', async () => {
  const folder = mkdtempSync(join(top, 'two-'));
  const stanza = (digit: string): string =>
    `Package: a\nFilename: pool/a.deb\nSize: 3\nSHA256: ${digit.repeat(64)}\n`;
  writeFileSync(join(folder, 'one.example_dists_x_Packages'), stanza('1'));
  writeFileSync(join(folder, 'two.example_dists_x_Packages'), stanza('2'));
  const lists = new SignedLists(folder);
  const find = (url: string) => lists.find(new URL(url));
  expect(await find('http://two.example/debian/pool/a.deb')).toEqual({
    sha256: '2'.repeat(64),
    sizeBytes: 3,
  });
  expect(await find('http://three.example/pool/a.deb')).toBeNull();
  writeFileSync(join(folder, 'two.example_dists_x_Packages'), stanza('1'));
  expect((await find('http://three.example/pool/a.deb'))?.sha256).toBe('1'.repeat(64));
  expect(await find('http://two.example/pool/%ff%.deb')).toBeNull();
  lists.stop();
});

/** So many packages, in the order of their numbers. */
const stanzasOf = (count: number): string =>
  Array.from(
    { length: count },
    (_, at) =>
      `Package: p${at}\nDescription: ü${'x'.repeat(at % 700)}\n Filename: no\nFilename: ./pool/p${at}.deb\nSize: ${at}\nSHA256: ${at.toString(16).padStart(64, '0')}\n`,
  ).join('\n');

test.each(['plain', 'compressed'])('each package of a long list is found (%s)', async (kind) => {
  const folder = mkdtempSync(join(top, 'lists-'));
  const file = join(folder, 'a.example_dists_x_Packages');
  writeFileSync(file, stanzasOf(3_000));
  if (kind === 'compressed') {
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)));
    rmSync(file);
  }
  const lists = new SignedLists(folder);
  for (let at = 0; at < 3_000; at += 7) {
    const found = await lists.find(new URL(`http://a.example/x/pool/p${at}.deb`));
    expect(found).toEqual({ sha256: at.toString(16).padStart(64, '0'), sizeBytes: at });
  }
  expect(await lists.find(new URL('http://a.example/x/pool/p3000.deb'))).toBeNull();
  lists.stop();
});

test('what is no list says nothing, and a list that has changed is read again', async () => {
  const folder = mkdtempSync(join(top, 'lists-'));
  const file = join(folder, 'a.example_dists_x_Packages');
  const lists = new SignedLists(folder);
  const find = () => lists.find(new URL('http://a.example/pool/p2.deb'));
  expect(await find()).toBeNull();
  writeFileSync(file, 'x'.repeat(1_000_000));
  expect(await find()).toBeNull();
  writeFileSync(file, stanzasOf(3));
  expect((await find())?.sizeBytes).toBe(2);
  rmSync(file);
  expect(await find()).toBeNull();
  lists.stop();
});

test('a list that never comes to its end says nothing after a while', async () => {
  const folder = mkdtempSync(join(top, 'lists-'));
  // Whoever opens it waits for a writer.
  execFileSync('mkfifo', [join(folder, 'a.example_dists_x_Packages.gz')]);
  const lists = new SignedLists(folder, 200);
  expect(await lists.find(new URL('http://a.example/x/pool/a.deb'))).toBeNull();
  lists.stop();
});

test('the hosts that may be asked are those of the sources, in both of their forms', () => {
  const folder = mkdtempSync(join(top, 'sources-'));
  mkdirSync(join(folder, 'sources.list.d'), { recursive: true });
  const list = 'deb http://One.example/debian x main\n# deb http://no.example/ x main\n';
  writeFileSync(join(folder, 'sources.list'), `${list}deb https://tls.example/ x main\n`);
  const deb822 = 'Types: deb\nURIs: http://two.example http://three.example:3142/x\n';
  writeFileSync(join(folder, 'sources.list.d/a.sources'), deb822);
  writeFileSync(join(folder, 'sources.list.d/a.save'), 'deb http://old.example/ x main\n');
  expect([...readHosts(folder)]).toEqual(['one.example', 'two.example']);
  expect([...readHosts(join(folder, 'none'))]).toEqual([]);
});

test.each([
  ...['127.0.0.1', '10.1.2.3', '100.64.0.1', '169.254.1.1', '172.31.0.1', '192.168.0.1', '::1'],
  ...['fe80::1', 'fd00::1', '::ffff:192.168.0.1', '2002:c0a8:1::1', '224.0.0.1', 'x'],
])('%s is no public address', async (address) => {
  expect(isPublic(address)).toBe(false);
  const ask = ((_name: string, _options: unknown, callback: (...words: unknown[]) => void) =>
    callback(null, [{ address, family: 4 }])) as never;
  const mirror = new Mirror({ ask });
  const asked = { method: 'GET', address: new URL(`http://${host}/`), headers: {} };
  await expect(mirror.ask(asked, AbortSignal.timeout(5_000))).rejects.toThrow('no public address');
  mirror.stop();
});

test.each(['151.101.2.132', '2a04:4e42::644'])('%s is one', (address) => {
  expect(isPublic(address)).toBe(true);
});
