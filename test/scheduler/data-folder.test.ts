// The small files of a data folder: kept over starts, never torn, and when they are damaged named
// with what to do, while nothing is made in their place.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadCapabilityKey } from '../../scheduler/adapters/blobs/capability.ts';
import {
  DataFolderError,
  makeFolder,
  writeDurably,
} from '../../scheduler/adapters/durable-file.ts';
import { KeptPorts } from '../../scheduler/adapters/kept-ports.ts';
import { NatsIdentity } from '../../scheduler/adapters/nats/nats-identity.ts';
import { openPki } from '../../scheduler/adapters/pki/pki.ts';
import { openTlsCryptKey } from '../../scheduler/adapters/pki/tls-crypt-key.ts';
import { AddressBook } from '../../scheduler/adapters/tunnels/address-book.ts';
import { NatGroups } from '../../scheduler/adapters/tunnels/nat-groups.ts';
import { portOwner } from '../../scheduler/adapters/port-owner.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-folder-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What each part makes of its file in a data folder. */
const parts: Readonly<Record<string, (data: string) => unknown>> = {
  'pki/ca.pem': async (data) => (await openPki(data, [])).caPem,
  'pki/tls-crypt.key': openTlsCryptKey,
  'nats/identity.json': (data) => NatsIdentity.open(data).accountPublicKey,
  'capability.key': (data) => loadCapabilityKey(data),
  'nat-group.key': (data) => NatGroups.open(data).of('192.0.2.1'),
  'node-addresses.json': (data) => {
    AddressBook.open(data, 0).note('n1', '192.0.2.1', 1e9);
    return AddressBook.open(data, 1e9).of('n1', 1e9);
  },
  'ports.json': (data) => new KeptPorts(data).port('https', '127.0.0.1'),
};

test('a folder is made with those above it, and what is there is left alone', () => {
  const made = join(freshFolder(), 'a/b');
  for (const _ of [1, 2]) makeFolder(made);
  expect(statSync(made).mode & 0o777).toBe(0o700);
});

test('where no folder can be it is named, at once', () => {
  const parent = freshFolder();
  const [file, link] = [join(parent, 'file'), join(parent, 'link')];
  writeFileSync(file, '');
  symlinkSync(join(parent, 'not-mounted'), link);
  for (const place of [
    file,
    join(file, 'a'),
    link,
    join(link, 'a'),
    '/proc/none',
    '/proc/none/a',
  ]) {
    const make = (): void => makeFolder(place);
    expect(make, place).toThrow(DataFolderError);
    expect(make, place).toThrow(`${place}: wanted a folder, `);
  }
});

function freshFolder(): string {
  return mkdtempSync(join(folder, 'data-'));
}

test.each(Object.entries(parts))('%s is made once, for its owner only', async (name, open) => {
  const data = freshFolder();
  const first = await open(data);
  expect(await open(data)).toEqual(first);
  expect(statSync(join(data, name)).mode & 0o777).toBe(0o600);
});

test.each(Object.entries(parts))(
  '%s is named when it is damaged, and left alone',
  async (...part) => {
    const [name, open] = part;
    const data = freshFolder();
    const file = join(data, name);
    mkdirSync(dirname(file), { recursive: true });
    for (const text of ['', '{"operator":', '-----BEGIN PRIVATE KEY-----\nAAAA\n']) {
      writeFileSync(file, text);
      const error = await Promise.resolve()
        .then(() => open(data))
        .catch((found: unknown) => found);
      expect(error).toBeInstanceOf(DataFolderError);
      expect(String(error)).toContain(file);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  },
);

test('a write that was cut off is not seen, and the next one does not mind it', () => {
  const file = join(freshFolder(), 'file');
  writeDurably(file, 'before');
  writeFileSync(`${file}.new`, 'ha');
  expect(readFileSync(file, 'utf8')).toBe('before');
  writeDurably(file, 'after');
  expect(readFileSync(file, 'utf8')).toBe('after');
  expect(existsSync(`${file}.new`)).toBe(false);
});

test('chosen ports lie where the kernel takes none for outgoing connections', async () => {
  const [lowest = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .split('\t')
    .map(Number);
  const ports = new KeptPorts(freshFolder());
  for (let number = 0; number < 20; number += 1) {
    expect(await ports.port(String(number), '127.0.0.1')).toBeLessThan(lowest);
  }
});

test('whoever listens on a port is named', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo;
  expect(portOwner(port)).toMatch(new RegExp(`^process ${process.pid} \\(.+\\)$`));
  await new Promise((resolve) => server.close(resolve));
  expect(portOwner(port)).toBe('another program');
});
