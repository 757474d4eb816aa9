// Other ways to bring one file to every node of a site. Each is set up as well as it can be: it finds its peers
// on the LAN at once, asks no tracker and nothing on the internet but the web server.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { lanAddress } from '../../lab/layout.ts';
import type { Ground, SharedFile } from './ground.ts';
import { checkCopy } from './ground.ts';
import type { Raced } from './race.ts';
import { race, whole } from './race.ts';
import { writeTorrent } from './torrent.ts';
import { startCache } from './web.ts';

export interface Peer {
  readonly name: string;
  /** Why it can't run here, if it can't. */
  missing(): string | undefined;
  /** What each of the nodes runs; it writes the file, by its name, into the folder. */
  words(trial: Trial): Promise<readonly string[]>;
}

/** One node's part. */
export interface Trial {
  readonly ground: Ground;
  readonly file: SharedFile;
  readonly node: string;
  /** The first is 1. */
  readonly number: number;
  readonly folder: string;
}

/** Each of these nodes gets the file so. Checks what those have that said so; throws when one has something else. */
export async function runPeer(
  peer: Peer,
  options: {
    readonly ground: Ground;
    readonly file: SharedFile;
    readonly nodes: readonly string[];
    readonly mostSeconds: number;
  },
): Promise<Raced> {
  const { ground, file, nodes, mostSeconds } = options;
  const folder = join(ground.folder, 'copies');
  try {
    const words = new Map<string, readonly string[]>();
    for (const [at, node] of nodes.entries()) {
      const own = join(folder, node);
      mkdirSync(own, { recursive: true });
      const trial = { ground, file, node, number: at + 1, folder: own };
      words.set(node, await peer.words(trial));
    }
    const raced = await race(ground.network, { words, mostSeconds });
    const copies = nodes.map((node) => join(folder, node, basename(file.path)));
    if (raced.done === nodes.length) for (const copy of copies) await checkCopy(file, copy);
    return raced;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All of it from the web server. */
export const curl: Peer = {
  name: 'curl',
  missing: () => missingProgram('curl'),
  words: ({ file, folder }) => Promise.resolve(curlTo(file, folder, [])),
};

const cache: Peer = {
  name: 'one cache (nginx)',
  missing: () => missingProgram('curl'),
  async words({ ground, file, node, number, folder }) {
    if (number === 1) await startCache(ground.network, node, join(ground.folder, 'cache'));
    return curlTo(file, folder, ['--proxy', `http://${lanAddress(1)}:3142`]);
  },
};

const aria2: Peer = {
  name: 'aria2',
  missing: () => missingProgram('aria2c'),
  words({ file, number, folder }) {
    // The hook's output is its own.
    const hook = join(folder, 'hook.sh');
    writeFileSync(hook, `#!/bin/sh\necho ${whole}\n`, { mode: 0o755 });
    const flags = {
      ...{ dir: folder, 'bt-enable-lpd': true, 'bt-lpd-interface': lanAddress(number) },
      ...{ 'enable-dht': false, 'enable-dht6': false, 'seed-time': 60, 'seed-ratio': 0 },
      ...{ 'listen-port': 6881, 'file-allocation': 'none', 'no-conf': true, quiet: true },
      ...{ 'on-bt-download-complete': hook, 'max-overall-upload-limit': 0 },
    };
    const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    return Promise.resolve(['aria2c', ...words, torrentOf(file)]);
  },
};

/** Debian's own Python has its module. */
const python = '/usr/bin/python3';
const libtorrent = libtorrentWith('libtorrent', () => true);
/** Whoever has it alone must not fail. */
const oneSeeded = libtorrentWith('libtorrent, one node told of the web', (number) => number === 1);

function libtorrentWith(name: string, hasWebSeed: (number: number) => boolean): Peer {
  const script = join(import.meta.dirname, 'libtorrent-peer.py');
  return {
    name,
    missing: () =>
      spawnSync(python, ['-c', 'import libtorrent']).status === 0
        ? undefined
        : 'python3-libtorrent is not here',
    words({ file, number, folder }) {
      const torrent = torrentOf(file, hasWebSeed(number));
      return Promise.resolve([python, script, torrent, folder, lanAddress(number)]);
    },
  };
}

const transmission: Peer = {
  name: 'transmission',
  missing: () => missingProgram('transmission-cli'),
  words({ file, number, folder }) {
    const hook = join(folder, 'hook.sh');
    writeFileSync(hook, `#!/bin/sh\necho; echo ${whole}\n`, { mode: 0o755 });
    const settings = {
      ...{ 'bind-address-ipv4': lanAddress(number), 'lpd-enabled': true, 'dht-enabled': false },
      ...{ 'port-forwarding-enabled': false, 'utp-enabled': false, encryption: 0 },
      ...{ 'speed-limit-up-enabled': false, 'speed-limit-down-enabled': false },
    };
    const own = join(folder, 'settings');
    mkdirSync(own);
    writeFileSync(join(own, 'settings.json'), JSON.stringify(settings));
    const flags = ['--config-dir', own, '--download-dir', folder, '--finish', hook];
    return Promise.resolve([
      ...['transmission-cli', ...flags, '--no-downlimit', '--no-uplimit', '--no-portmap'],
      torrentOf(file),
    ]);
  },
};

export const peers: readonly Peer[] = [cache, oneSeeded, libtorrent, aria2, transmission];

function curlTo({ path, url }: SharedFile, folder: string, more: readonly string[]) {
  const to = join(folder, basename(path));
  const script = `curl -sSf -o "$0" "$@" && echo ${whole}`;
  return ['sh', '-c', script, to, ...more, url];
}

function missingProgram(program: string): string | undefined {
  return spawnSync('which', [program]).status === 0 ? undefined : `${program} is not here`;
}

/** Made once. With the web server in it, or for nodes that have the others alone. */
function torrentOf({ path, url }: SharedFile, hasWebSeed = true): string {
  const torrent = `${path}.${hasWebSeed ? 'web' : 'peers'}.torrent`;
  if (!existsSync(torrent)) writeTorrent(path, torrent, hasWebSeed ? url : undefined);
  return torrent;
}
