// A signed repository of Debian packages, a mirror that serves it, and a real apt-get with a root of its own.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mirror } from '../../../agent/adapters/apt/mirror.ts';

/** The mirror's name; nobody outside the test's processes asks for it. */
export const host = 'mirror.example';
export const packageNames = ['punnet-one', 'punnet-two'] as const;
export const repositoryPath = '/debian';

export interface Repository {
  readonly folder: string;
  readonly keyFile: string;
  readonly debOf: (name: string) => { path: string; sha256: string; bytes: Buffer };
}

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** Two packages, small ones if nobody says what is in them, their list, and a Release that a new key signs. */
export function makeRepository(
  folder: string,
  contentOf: (name: string) => string | Buffer = (name) => name.repeat(20_000),
): Repository {
  const pool = join(folder, 'pool');
  const lists = join(folder, 'dists/stable/main/binary-all');
  for (const path of [pool, lists]) mkdirSync(path, { recursive: true });
  const debOf = (name: string) => {
    const path = `pool/${name}_1.0+b1_all.deb`;
    const bytes = readFileSync(join(folder, path));
    return { path, bytes, sha256: sha256(bytes) };
  };
  const stanzas = packageNames.map((name) => {
    const control = `Package: ${name}\nVersion: 1.0+b1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: nothing\n`;
    const tree = mkdtempSync(join(tmpdir(), 'punnet-deb-'));
    mkdirSync(join(tree, 'DEBIAN'));
    writeFileSync(join(tree, 'DEBIAN/control'), control);
    writeFileSync(join(tree, 'content'), contentOf(name));
    execFileSync('dpkg-deb', ['-Znone', '-b', tree, join(pool, `${name}_1.0+b1_all.deb`)]);
    rmSync(tree, { recursive: true });
    const { path, bytes, sha256: hash } = debOf(name);
    return `${control}Filename: ${path}\nSize: ${bytes.length}\nSHA256: ${hash}\n`;
  });
  const packages = stanzas.join('\n');
  writeFileSync(join(lists, 'Packages'), packages);
  const listed = ` ${sha256(packages)} ${packages.length} main/binary-all/Packages`;
  const date = new Date().toUTCString().replace('GMT', 'UTC');
  const release = `Suite: stable\nCodename: stable\nDate: ${date}\nArchitectures: all\nComponents: main\nSHA256:\n${listed}\n`;
  return { folder, debOf, keyFile: sign(folder, release) };
}

function sign(folder: string, release: string): string {
  const home = mkdtempSync(join(tmpdir(), 'punnet-gpg-'));
  const keyFile = join(folder, 'key.asc');
  const gpg = (words: readonly string[], input = ''): Buffer =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', '--passphrase', '', ...words], {
      input,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  gpg(['--quick-gen-key', 'repository@example.org', 'ed25519', 'sign', 'never']);
  writeFileSync(join(folder, 'dists/stable/InRelease'), gpg(['--clearsign'], release));
  writeFileSync(keyFile, gpg(['--armor', '--export']));
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'gpg-agent']);
  rmSync(home, { recursive: true, force: true });
  return keyFile;
}

export interface Served {
  readonly mirror: Mirror;
  readonly port: number;
  /** Paths that it was asked for. */
  readonly asked: string[];
  stop(): Promise<void>;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A server on loopback that the proxy's mirror connects to by its name. `answer` may take a request for itself. */
export async function serve(folder: string, answer: Answer = () => false): Promise<Served> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').replace(/^http:\/\/[^/]+/, '');
    asked.push(path);
    if (answer(request, response)) return;
    const file = join(folder, path.slice(repositoryPath.length));
    if (!existsSync(file)) return void response.writeHead(404).end();
    const bytes = readFileSync(file);
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // It listens on TCP.
  const { port } = server.address() as AddressInfo;
  const ask = ((_name: string, _options: unknown, callback: (...words: unknown[]) => void) =>
    callback(null, [{ address: '192.0.9.1', family: 4 }])) as never;
  const mirror = new Mirror({ ask, connect: () => connect(port, '127.0.0.1') });
  const stop = async (): Promise<void> => {
    mirror.stop();
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
  return { mirror, port, asked, stop };
}

/** A root for apt, with one source. `detect` is the text of a script that names the proxy. */
export class AptRoot {
  readonly path: string;
  readonly #conf: string;

  constructor(path: string, keyFile: string, detect: string) {
    this.path = path;
    for (const folder of [
      'etc/apt/apt.conf.d',
      'etc/apt/sources.list.d',
      'var/lib/apt/lists/partial',
      'var/lib/dpkg',
      'var/cache/apt/archives/partial',
    ]) {
      mkdirSync(join(path, folder), { recursive: true });
    }
    writeFileSync(join(path, 'var/lib/dpkg/status'), '');
    const script = join(path, 'way');
    writeFileSync(script, detect);
    chmodSync(script, 0o755);
    const source = `deb [arch=all signed-by=${keyFile}] http://${host}${repositoryPath} stable main\n`;
    writeFileSync(join(path, 'etc/apt/sources.list'), source);
    this.#conf = join(path, 'apt.conf');
    const lines = [
      `Dir "${path}/";`,
      `Dir::State::status "${path}/var/lib/dpkg/status";`,
      'APT::Sandbox::User "root";',
      `Acquire::http::Proxy-Auto-Detect "${script}";`,
      'Acquire::Languages "none";',
      'Acquire::Retries "0";',
      'Acquire::GzipIndexes "false";',
    ];
    writeFileSync(this.#conf, `${lines.join('\n')}\n`);
  }

  get lists(): string {
    return join(this.path, 'var/lib/apt/lists');
  }

  deb(name: string): string {
    return join(this.path, 'var/cache/apt/archives', `${name}_1.0+b1_all.deb`);
  }

  /** Runs apt-get to its end. */
  async run(...words: readonly string[]): Promise<{ code: number | null; said: string }> {
    const env = { PATH: process.env['PATH'], APT_CONFIG: this.#conf, LC_ALL: 'C' };
    const child = spawn('apt-get', ['-q', '-y', ...words], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += part));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, said };
  }
}
