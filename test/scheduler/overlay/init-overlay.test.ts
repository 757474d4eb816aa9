// `overlay init`: what it writes, that it is written once, and that mistakes change nothing.

import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { DataFolderError } from '../../../scheduler/adapters/durable-file.ts';
import { OverlayError, initOverlay } from '../../../scheduler/adapters/overlay/init-overlay.ts';
import { initialisedText } from '../../../scheduler/adapters/overlay/next-steps.ts';
import { OverlayFolder, readPlan } from '../../../scheduler/adapters/overlay/overlay-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-overlay-'));
afterAll(() => rmSync(folder, { recursive: true }));
let made = 0;
function freshData(): string {
  made += 1;
  return join(folder, `data${made}`);
}

const main = 'main=vpn.example.org:1194';
const prefix = 'fd12:3456:789a::/48';

/** Every file below, with its bytes. */
function contents(path: string): Readonly<Record<string, string>> {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const names = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(name, 'latin1')]));
}

async function init(dataFolder: string, servers: readonly string[], wanted?: string) {
  return initOverlay({ dataFolder, prefix: wanted, servers, httpsPort: 8443, probePort: 0 });
}

test('all is written once, for its owner only; the second time changes nothing', async () => {
  const data = freshData();
  const first = await init(data, [main, 'tcp=[2001:db8::1]:443/tcp'], prefix);
  expect(first.kept).toEqual([]);
  for (const name of first.written) {
    expect(statSync(join(first.folder, name)).mode & 0o777).toBe(0o600);
  }
  const before = contents(data);
  for (const again of [[], [main]]) {
    expect(await init(data, again)).toMatchObject({ written: [], kept: [] });
    expect(contents(data)).toEqual(before);
  }
  expect(first.plan.servers).toEqual([
    { name: 'main', host: 'vpn.example.org', port: 1194, protocol: 'udp', slice: 1 },
    { name: 'tcp', host: '2001:db8::1', port: 443, protocol: 'tcp', slice: 2 },
  ]);
  expect(initialisedText(first)).toContain(
    `  ln -s ${first.folder}/main/server.conf /etc/openvpn/server/punnet-main.conf`,
  );
});

test('nodes reach the ports that the scheduler has, or will have', async () => {
  const data = freshData();
  const rules = (): string => readFileSync(join(data, 'overlay/rules.nft'), 'utf8');
  const lists = (): readonly string[] => rules().match(/(?<=elements = \{ )[\d, ]+(?= \})/g) ?? [];
  await init(data, [main]);
  // The scheduler reads the same file as it starts.
  const kept = JSON.parse(readFileSync(join(data, 'ports.json'), 'utf8')) as Kept;
  expect(lists()).toEqual([`8443, ${kept.nats}`, String(kept.probe)]);
  rmSync(join(data, 'overlay/rules.nft'));
  writeFileSync(join(data, 'ports.json'), '{"nats": 4222, "https": 443, "probe": 7}');
  await initOverlay({
    dataFolder: data,
    prefix: undefined,
    servers: [],
    httpsPort: 0,
    probePort: 0,
  });
  expect(lists()).toEqual(['443, 4222', '7']);
});

interface Kept {
  readonly nats: number;
  readonly probe: number;
}

test('a further server gets a slice of its own, and the others stay as they are', async () => {
  const data = freshData();
  const first = await init(data, [main]);
  const before = contents(data);
  const second = await init(data, ['two=vpn2.example.org:1194']);
  expect(second.written).toEqual(['two/server.pem', 'two/server.conf', 'overlay.json']);
  expect(second.plan.prefix).toEqual(first.plan.prefix);
  expect(second.plan.servers.map(({ slice }) => slice)).toEqual([1, 2]);
  const plan = join(first.folder, 'overlay.json');
  expect(contents(data)).toMatchObject({ ...before, [plan]: readFileSync(plan, 'latin1') });
});

test('what its operator has edited is kept, and told', async () => {
  const data = freshData();
  const { folder: overlay } = await init(data, [main]);
  const file = join(overlay, 'main/server.conf');
  writeFileSync(file, 'port 1195\n');
  const again = await init(data, []);
  expect(again).toMatchObject({ written: [], kept: ['main/server.conf'] });
  expect(initialisedText(again)[1]).toContain('kept main/server.conf');
  expect(readFileSync(file, 'utf8')).toBe('port 1195\n');
});

describe('a mistake is told, and nothing is changed:', () => {
  test.each([
    ['no server', [], undefined, /--server: wanted one or more OpenVPN servers .* found none/],
    [
      'half a server',
      ['main=vpn.example.org'],
      undefined,
      /main=vpn\.example\.org: wanted NAME=HOST/,
    ],
    ['a path for a name', ['../x=host:1'], undefined, /wanted NAME=HOST:PORT/],
    ['a port', ['a=host:65536'], undefined, /wanted NAME=HOST:PORT/],
    ['a protocol', ['a=host:1/sctp'], undefined, /wanted NAME=HOST:PORT/],
    ['a prefix', [main], 'fd00::/64', /--prefix fd00::\/64: wanted an IPv6 \/48/],
  ])('%s', async (_what, servers, wanted, words) => {
    const data = freshData();
    const trying = init(data, servers, wanted);
    await expect(trying).rejects.toThrow(OverlayError);
    await expect(trying).rejects.toThrow(words);
    expect(() => statSync(data)).toThrow('ENOENT');
  });

  test.each([
    ['another prefix', [], prefix, /this overlay has fd[0-9a-f:]+\/48, and its nodes/],
    [
      'another port',
      ['main=vpn.example.org:1195'],
      undefined,
      /it is vpn\.example\.org:1194\/udp already/,
    ],
    ['another protocol', [`${main}/tcp`], undefined, /found vpn\.example\.org:1194\/tcp/],
  ])('%s of an overlay that is there', async (_what, servers, wanted, words) => {
    const data = freshData();
    await init(data, [main]);
    const before = contents(data);
    await expect(init(data, servers, wanted)).rejects.toThrow(words);
    expect(contents(data)).toEqual(before);
  });
});

test('a damaged plan is named and left alone', async () => {
  const data = freshData();
  const { folder: overlay } = await init(data, [main]);
  const file = join(overlay, 'overlay.json');
  for (const text of ['', '{}', '{"prefix":"fd00::/64","servers":[]}']) {
    writeFileSync(file, text);
    expect(() => readPlan(overlay)).toThrow(DataFolderError);
    await expect(init(data, [main])).rejects.toThrow(`${file} is damaged`);
    expect(readFileSync(file, 'utf8')).toBe(text);
  }
});

describe('the folder that OpenVPN reads', () => {
  async function opened() {
    const { folder: overlay } = await init(freshData(), [main, 'tcp=h:443/tcp', 'two=h:2'], prefix);
    const clients = (name: string) => readdirSync(join(overlay, name, 'ccd')).sort();
    return { overlay, clients, kept: OverlayFolder.open(overlay) };
  }

  test('a node is let in at its own server and by TCP, until it is expelled', async () => {
    const { overlay, clients, kept } = await opened();
    const place = { nodeId: 'n1', nodeNumber: 7, slice: 1 };
    for (const _ of [1, 2]) kept.admit(place);
    expect([clients('main'), clients('tcp'), clients('two')]).toEqual([['n1'], ['n1'], []]);
    expect(readFileSync(join(overlay, 'main/ccd/n1'), 'utf8')).toBe(
      'ifconfig-ipv6-push fd12:3456:789a:1::17/64 fd12:3456:789a:1::1\n',
    );
    expect(readFileSync(join(overlay, 'tcp/ccd/n1'), 'utf8')).toContain('fd12:3456:789a:2::17/64');
    for (const _ of [1, 2]) kept.expel('n1');
    expect([clients('main'), clients('tcp')]).toEqual([[], []]);
  });

  test('after a crash it has the nodes that are there, and no others', async () => {
    const { overlay, clients, kept } = await opened();
    kept.admit({ nodeId: 'gone', nodeNumber: 1, slice: 1 });
    writeFileSync(join(overlay, 'main/ccd/n2.new'), 'ifco');
    // Its bytes were lost with the power.
    writeFileSync(join(overlay, 'main/ccd/n1'), '');
    rmSync(join(overlay, 'two/ccd'), { recursive: true });
    kept.reconcile([
      { nodeId: 'n1', nodeNumber: 0, slice: 1 },
      { nodeId: 'n2', nodeNumber: 2, slice: 3 },
    ]);
    expect(clients('main')).toEqual(['n1']);
    expect(readFileSync(join(overlay, 'main/ccd/n1'), 'utf8')).toContain('fd12:3456:789a:1::10/64');
    expect(clients('tcp')).toEqual(['n1', 'n2']);
    expect(clients('two')).toEqual(['n2']);
  });

  test('a folder that is no overlay is refused with the way to one', () => {
    const none = freshData();
    mkdirSync(none);
    expect(() => OverlayFolder.open(none)).toThrow(/found no overlay\.json in it: make one/);
  });
});

test.each([
  ['/var/lib/punnet', false],
  ['/home/ada/punnet', true],
  ['/root/punnet', true],
  ['/run/user/1000/punnet', true],
  ['/homes/punnet', false],
])('that nftables.service does not see %s is told: %s', async (data, isHidden) => {
  const first = await init(freshData(), [main], prefix);
  const text = initialisedText({ ...first, folder: join(data, 'overlay') }).join('\n');
  expect(text.includes('ProtectHome')).toBe(isHidden);
});
