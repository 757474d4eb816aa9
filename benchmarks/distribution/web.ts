// nginx: the web server that peers bring the file from, and the cache of a site that has one.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { coreAddress, lanAddress } from '../../lab/layout.ts';
import type { Network } from '../../lab/network.ts';
import type { Space } from '../../lab/space.ts';

/** Where setup unpacks it, without what would start it as a service; or where it is installed. */
const programs = [join(import.meta.dirname, '../../tools/nginx/usr/sbin/nginx'), '/usr/sbin/nginx'];
const startsWithinMs = 10_000;

export function nginxProgram(): string | undefined {
  return programs.find((each) => existsSync(each));
}

/** At the core, on port 8080. Ends with the network. */
export function serveFolder(
  network: Network,
  { folder, served }: { readonly folder: string; readonly served: string },
): Promise<void> {
  const server = `listen ${coreAddress}:8080; root ${served};`;
  return start(network, network.core, { folder: join(folder, 'origin'), server });
}

/** On the site's first node, port 3142: it brings each MiB once, and hands it on as it comes. */
export async function startCache(network: Network, node: string, folder: string): Promise<string> {
  const address = `${lanAddress(1)}:3142`;
  const store = join(folder, 'store');
  const http = `proxy_cache_path ${store} keys_zone=site:1m max_size=1g;`;
  const server = `listen ${address};
    location / {
      slice 1m;
      proxy_pass http://${coreAddress}:8080;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Range $slice_range;
      proxy_cache site;
      proxy_cache_key $uri$slice_range;
      proxy_cache_valid 200 206 1h;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 10m;
      proxy_cache_lock_age 10m;
    }`;
  await start(network, network.node(node), { folder, http, server });
  return address;
}

async function start(
  network: Network,
  space: Space,
  { folder, http = '', server }: { folder: string; http?: string; server: string },
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const program = nginxProgram();
  if (program === undefined) throw new Error('nginx is not here');
  const pid = join(folder, 'nginx.pid');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (each) => `${each}_temp_path ${join(folder, each)};`,
  );
  const text = `user root; worker_processes 1; daemon off; pid ${pid}; error_log stderr emerg;
  events { worker_connections 512; }
  http { access_log off; sendfile on; ${temporary.join(' ')} ${http} server { ${server} } }`;
  const conf = join(folder, 'nginx.conf');
  writeFileSync(conf, text);
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const words = [program, '-e', 'stderr', '-p', folder, '-c', conf];
  const child = network.spawn(space, words, { stdio: [...stdio] });
  const deadline = performance.now() + startsWithinMs;
  // It writes it when it listens.
  while (!existsSync(pid)) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error('nginx did not start; what it said is above');
    await sleep(20);
  }
}
