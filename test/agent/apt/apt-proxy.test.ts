// The proxy with a real apt-get and a signed repository, and by hand where apt would never ask like that.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AptProxy, type SiteExchange } from '../../../agent/adapters/apt/apt-proxy.ts';
import { detectScript } from '../../../agent/adapters/apt/detect-script.ts';
import { SignedLists } from '../../../agent/adapters/apt/signed-lists.ts';
import { AptRoot, host, makeRepository, packageNames, repositoryPath, serve } from './apt-rig.ts';
import type { Repository, Served } from './apt-rig.ts';

const top = mkdtempSync(join(tmpdir(), 'punnet-apt-'));
let repository: Repository;
let served: Served;
let proxy: AptProxy;
let root: AptRoot;
let exchange: SiteExchange;
/** What the mirror does instead of serving; false: it serves. */
let instead: Parameters<typeof serve>[1];
const isDeb = (path: string): boolean => path.endsWith('.deb');

beforeAll(() => {
  repository = makeRepository(join(top, 'repository'));
});
afterAll(() => rmSync(top, { recursive: true }));

beforeEach(async () => {
  instead = () => false;
  exchange = { get: () => Promise.reject(new Error('nobody is here')) };
  served = await serve(repository.folder, (...words) => instead?.(...words) ?? false);
  const folder = mkdtempSync(join(top, 'root-'));
  const lists = join(folder, 'var/lib/apt/lists');
  proxy = new AptProxy({
    lists: new SignedLists(lists),
    mirror: served.mirror,
    exchange: { get: (...words) => exchange.get(...words) },
    hosts: () => new Set([host]),
    log: () => undefined,
    lineEveryMs: 500,
  });
  await proxy.start(0);
  root = new AptRoot(folder, repository.keyFile, detectScript(proxy.port));
});
afterEach(async () => {
  await proxy.stop();
  await served.stop();
});

const download = (): ReturnType<AptRoot['run']> =>
  root.run('install', '--download-only', ...packageNames);

async function update(): Promise<void> {
  const { code, said } = await root.run('update');
  expect(said).not.toMatch(/^[EW]:/m);
  expect(code).toBe(0);
}

function expectPackages(...names: readonly string[]): void {
  for (const name of names.length > 0 ? names : packageNames) {
    expect(readFileSync(root.deb(name)).equals(repository.debOf(name).bytes)).toBe(true);
  }
}

/** An exchange that fetches from the source into a file of its own. */
const fetching: SiteExchange = {
  async get({ sha256, fetchFromSource }, signal) {
    const file = join(root.path, sha256);
    await fetchFromSource(file, signal);
    return file;
  },
};

/** Until the signal says that nobody waits any more. */
const waiting: SiteExchange = {
  get: (_wanted, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    }),
};

describe('a real apt-get', () => {
  test('gets packages that a peer has, and asks the mirror for none of them', async () => {
    exchange = {
      get({ sha256, sizeBytes }) {
        const name = packageNames.find((each) => repository.debOf(each).sha256 === sha256);
        expect(name).toBeDefined();
        const { path, bytes } = repository.debOf(name ?? '');
        expect(sizeBytes).toBe(bytes.length);
        return Promise.resolve(join(repository.folder, path));
      },
    };
    await update();
    expect((await download()).code).toBe(0);
    expectPackages();
    expect(served.asked.filter(isDeb)).toEqual([]);
    expect(served.asked).toContain(`${repositoryPath}/dists/stable/InRelease`);
  });

  test('gets them once from the mirror when this node is to fetch them', async () => {
    exchange = fetching;
    await update();
    expect((await download()).code).toBe(0);
    expectPackages();
    expect(served.asked.filter(isDeb)).toHaveLength(packageNames.length);
  });

  test('gets them from the mirror when the exchange has no way', async () => {
    await update();
    expect((await download()).code).toBe(0);
    expectPackages();
  });

  test('refuses wrong bytes of the right length itself', async () => {
    exchange = {
      get({ sha256, sizeBytes }) {
        const file = join(root.path, sha256);
        writeFileSync(file, Buffer.alloc(sizeBytes));
        return Promise.resolve(file);
      },
    };
    await update();
    const { code, said } = await download();
    expect(code).toBe(100);
    expect(said).toContain('Hash Sum mismatch');
  });

  test('gets them from the mirror when a file has another length than the list says', async () => {
    exchange = {
      get({ sha256 }) {
        const file = join(root.path, sha256);
        writeFileSync(file, 'short');
        return Promise.resolve(file);
      },
    };
    await update();
    expect((await download()).code).toBe(0);
    expectPackages();
  });
});

/** Nothing, for longer than apt waits for a proxy that is silent. */
const late = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_500));
const downloadOne = (): ReturnType<AptRoot['run']> =>
  root.run('install', '--download-only', '-o', 'Acquire::http::Timeout=2', packageNames[0]);

describe('a real apt-get that has to wait', () => {
  test('gets what a peer has in the end', async () => {
    exchange = {
      async get({ sha256 }) {
        await late();
        const name = packageNames.find((each) => repository.debOf(each).sha256 === sha256) ?? '';
        return join(repository.folder, repository.debOf(name).path);
      },
    };
    await update();
    expect((await downloadOne()).code).toBe(0);
    expectPackages(packageNames[0]);
    expect(served.asked.filter(isDeb)).toEqual([]);
  });

  test('gets it from the mirror when nobody has it in the end', async () => {
    exchange = { get: () => late().then(() => Promise.reject(new Error('nobody'))) };
    await update();
    expect((await downloadOne()).code).toBe(0);
    expectPackages(packageNames[0]);
  });

  test('asks again when the mirror has it not either, and then hears why', async () => {
    let isFirst = true;
    exchange = {
      async get() {
        if (isFirst) await late();
        isFirst = false;
        throw new Error('nobody');
      },
    };
    await update();
    instead = (request, response) => {
      if (!isDeb(request.url ?? '')) return false;
      response.writeHead(404).end();
      return true;
    };
    const { code, said } = await downloadOne();
    expect(code).toBe(100);
    expect(said).toMatch(/404/);
  });
});

describe('a real apt-get whose way is blocked', () => {
  test('says so when the mirror is away', async () => {
    await update();
    instead = (_request, response) => {
      response.destroy();
      return true;
    };
    const { code, said } = await download();
    expect(code).toBe(100);
    expect(said).toMatch(/502/);
  });

  test('follows a mirror that sends on to another', async () => {
    exchange = fetching;
    await update();
    instead = (request, response) => {
      if (request.headers.host !== host || !isDeb(request.url ?? '')) return false;
      response.writeHead(302, { location: `http://other.example${request.url}` }).end();
      return true;
    };
    expect((await download()).code).toBe(0);
    expectPackages();
  });

  test('asks the mirror itself once the agent has ended', async () => {
    await update();
    let ask = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => (ask = resolve));
    exchange = {
      get: (...words) => {
        ask();
        return waiting.get(...words);
      },
    };
    const first = download();
    await isAsked;
    await proxy.stop();
    expect((await first).code).toBe(100);
    // Nobody knows the mirror's name but the proxy: that it is looked for says that apt goes there itself.
    expect((await download()).said).toMatch(/resolve|resolving/i);
  });
});

/** Sends it as it stands, and gives all that comes back until the line is closed. */
async function raw(text: string): Promise<string> {
  const socket = connect(proxy.port, '127.0.0.1');
  let said = '';
  socket.on('data', (part) => (said += part.toString('latin1')));
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return said;
}

const get = (url: string, more = ''): Promise<string> =>
  raw(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`);

describe('what apt would not ask', () => {
  test.each([
    ['http://127.0.0.1/', 403],
    ['http://localhost/', 403],
    ['http://192.168.1.1/', 403],
    ['http://[::1]/', 400],
    ['http://1.2.3.999/', 400],
    ['http://xn--/', 400],
    ['http://2130706433/', 403],
    [`http://${host}:8222/`, 400],
    [`http://me@${host}/`, 400],
    [`https://${host}/`, 400],
    [`http://${host}/debian/%2e%2e/key.asc`, 400],
    [`http://${host}/debian/../key.asc`, 400],
    [`http://${host}/debian/..%2fkey.asc`, 400],
    ['/debian/key.asc', 400],
  ])('%s is refused', async (url, status) => {
    expect(await get(url)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(served.asked).toEqual([]);
  });

  const start = `http://${host}${repositoryPath}/x HTTP/1.1\r\nHost: ${host}\r\n`;
  test.each([
    ['another method', `DELETE ${start}\r\n`],
    ['a tunnel', `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    ['headers without end', `GET ${start}X: ${'y'.repeat(20_000)}\r\n\r\n`],
    ['a body', `GET ${start}Content-Length: 5\r\n\r\nhello`],
    [
      'two lengths of one body',
      `GET ${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET ${start}\r\n`,
    ],
    ['a folded header', `GET ${start}X: a\r\n Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`],
  ])('%s is refused', async (_what, text) => {
    expect(await raw(text)).toMatch(/^HTTP\/1.1 4\d\d /);
    expect(served.asked).toEqual([]);
  });
});

test('who asks for a tunnel, and breaks off once it is refused, ends nothing', async () => {
  const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
  socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\nmore`);
  await once(socket, 'readable');
  socket.resetAndDestroy();
  expect(await get(`http://${host}${repositoryPath}/dists/stable/InRelease`)).toMatch(/ 200 /);
});

test('the way to a host that is in no source, or is asked for wrongly, is direct', async () => {
  const way = async (words: string): Promise<string | undefined> =>
    (await raw(`GET /way?${words} HTTP/1.0\r\n\r\n`)).split('\r\n').at(-1);
  expect(await way(`http://${host}/debian/`)).toBe(`http://127.0.0.1:${proxy.port}`);
  for (const other of ['http://other.example/', `https://${host}/`, `http://${host}:81/`, '']) {
    expect(await way(other)).toBe('DIRECT');
  }
});

test('a script whose agent says nothing, or something else, says direct', async () => {
  const folder = mkdtempSync(join(top, 'script-'));
  const lines = new Set<Socket>();
  let says: string | null = null;
  const other = createServer((socket) => {
    lines.add(socket.on('error', () => undefined));
    if (says !== null) socket.end(says);
  });
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const script = join(folder, 'way');
  writeFileSync(script, detectScript((other.address() as AddressInfo).port));
  const run = () => promisify(execFile)('bash', [script, `http://${host}/`]);
  for (const each of [null, '', 'HTTP/1.1 200 OK\r\n\r\nhttp://127.0.0.1:1', 'x; rm -r /']) {
    says = each;
    expect((await run()).stdout).toBe('DIRECT\n');
  }
  for (const each of lines) each.destroy();
  await once(other.close(), 'close');
});

test('fifty at once are all answered', async () => {
  await update();
  exchange = { get: () => Promise.resolve(join(repository.folder, path)) };
  const { path, bytes } = repository.debOf('punnet-one');
  const url = `http://${host}${repositoryPath}/${path.replace('+', '%2b')}`;
  const answers = await Promise.all(Array.from({ length: 50 }, () => get(url)));
  for (const each of answers) expect(each.endsWith(bytes.toString('latin1'))).toBe(true);
});

test('a part of a package, and what has not changed, is asked of the mirror as apt asked', async () => {
  const seen: unknown[] = [];
  instead = ({ headers: { range, 'if-modified-since': since } }, response) => {
    seen.push([range, since]);
    response.writeHead(range === undefined ? 304 : 206, { 'content-range': 'bytes 1-2/3' }).end();
    return true;
  };
  const at = `http://${host}${repositoryPath}/pool/a.deb`;
  expect(await get(at, 'Range: bytes=1-2\r\n')).toMatch(/^HTTP\/1.1 206 /);
  const since = 'Fri, 27 Nov 2026 00:00:00 GMT';
  expect(await get(at, `If-Modified-Since: ${since}\r\n`)).toMatch(/^HTTP\/1.1 304 /);
  expect(seen).toEqual([
    ['bytes=1-2', undefined],
    [undefined, since],
  ]);
});

test('a package that the mirror gives to some alone goes past the exchange, with what apt shows for it', async () => {
  await update();
  let asked = false;
  exchange = {
    get: () => {
      asked = true;
      return Promise.reject(new Error('nobody'));
    },
  };
  const seen: unknown[] = [];
  instead = ({ headers }, response) => {
    seen.push(headers.authorization);
    response.writeHead(200, { 'content-length': 0 }).end();
    return true;
  };
  const { path } = repository.debOf('punnet-one');
  const url = `http://${host}${repositoryPath}/${path.replace('+', '%2b')}`;
  expect(await get(url, 'Authorization: Basic bWU6c2VjcmV0\r\n')).toMatch(/^HTTP\/1.1 200 /);
  expect(seen).toEqual(['Basic bWU6c2VjcmV0']);
  expect(asked).toBe(false);
});

test('ten that are asked at once come in their order, and one that waits for its turn ends with its line', async () => {
  await update();
  const signals: AbortSignal[] = [];
  exchange = {
    get: ({ sha256 }, signal) => {
      signals.push(signal);
      return sha256 === repository.debOf('punnet-one').sha256
        ? waiting.get({} as never, signal)
        : Promise.resolve(join(repository.folder, repository.debOf('punnet-two').path));
    },
  };
  const ask = (name: string): string => {
    const path = repository.debOf(name).path.replace('+', '%2b');
    return `GET http://${host}${repositoryPath}/${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  };
  const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
  socket.write(ask('punnet-one') + ask('punnet-two').repeat(9));
  await expect.poll(() => signals.length).toBe(10);
  socket.resetAndDestroy();
  await expect.poll(() => signals.filter(({ aborted }) => aborted).length).toBeGreaterThan(0);
  // Nothing of them is left: the next one has all places.
  const text = `${ask('punnet-two').repeat(2).slice(0, -2)}Connection: close\r\n\r\n`;
  const { bytes } = repository.debOf('punnet-two');
  const said = await raw(text);
  expect(said.split(bytes.toString('latin1'))).toHaveLength(3);
});
