// What the scheduler's HTTPS port gives to anybody: the CA's certificate, which a token pins, and, where
// the agent's package is beside this program, that package and the script that installs it.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { PublicFile } from './https/https-server.ts';

const script = new URL('../../deploy/install.sh', import.meta.url);
/** In a clone `npm run build:deb` puts it there. */
const agentPackage = new URL('../../deploy/punnet-agent.deb', import.meta.url);

/** By path. The script knows the hash of the package that it is served with. */
export function publicFiles(caPem: string): ReadonlyMap<string, PublicFile> {
  const ca = { type: 'application/x-pem-file', bytes: Buffer.from(caPem) };
  const files = new Map<string, PublicFile>([['/ca.pem', ca]]);
  if (!existsSync(agentPackage) || !existsSync(script)) return files;
  const bytes = readFileSync(agentPackage);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const text = readFileSync(script, 'utf8').replace('@SHA256@', sha256);
  files.set('/agent.deb', { type: 'application/vnd.debian.binary-package', bytes });
  files.set('/install.sh', { type: 'text/x-shellscript; charset=utf-8', bytes: Buffer.from(text) });
  return files;
}
