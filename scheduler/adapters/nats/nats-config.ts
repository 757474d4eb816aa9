// What a nats-server that somebody else runs must have to carry a federation: its operator and
// accounts, a resolver that takes updates, and a certificate that agents believe.

import path from 'node:path';
import { maxMessageBytes } from '../../../proto/subjects.ts';
import { makeFolder, writeDurably } from '../durable-file.ts';
import { issueFor } from '../pki/pki.ts';
import { urlHost } from '../url-host.ts';
import { NatsIdentity } from './nats-identity.ts';

export interface NatsConfigOptions {
  readonly dataFolder: string;
  /** What agents and the scheduler call the server: its certificate is for this name. */
  readonly host: string;
  readonly port: number;
  /** Where the files go, and where the server will find them. */
  readonly folder: string;
}

/** Writes nats-server.conf, server.crt and server.key. None of them lets anybody act as the operator. */
export async function writeNatsConfig(options: NatsConfigOptions): Promise<string> {
  const { dataFolder, host, port } = options;
  const folder = path.resolve(options.folder);
  for (const each of [dataFolder, folder]) makeFolder(each);
  const identity = NatsIdentity.open(dataFolder);
  const { certificatePem, keyPem } = await issueFor(dataFolder, host);
  writeDurably(path.join(folder, 'server.key'), keyPem);
  writeDurably(path.join(folder, 'server.crt'), certificatePem);
  const quote = (name: string): string => JSON.stringify(path.join(folder, name));
  const lines = [
    `# For the nats-server that agents reach as ${host}. A server of a cluster has a file of its own,`,
    '# and a cluster { } block that you add.',
    `listen: "0.0.0.0:${port}"`,
    `client_advertise: ${JSON.stringify(`${urlHost(host)}:${port}`)}`,
    `max_payload: ${maxMessageBytes}`,
    'ping_interval: "20m"',
    `tls { cert_file: ${quote('server.crt')}, key_file: ${quote('server.key')}, timeout: 10 }`,
    `operator: ${JSON.stringify(await identity.operatorJwt())}`,
    `system_account: ${identity.systemPublicKey}`,
    `resolver: { type: full, dir: ${quote('jwt')} }`,
    'resolver_preload: {',
    `  ${identity.systemPublicKey}: ${JSON.stringify(await identity.systemJwt())}`,
    `  ${identity.accountPublicKey}: ${JSON.stringify(await identity.accountJwt())}`,
    '}',
  ];
  const file = path.join(folder, 'nats-server.conf');
  writeDurably(file, `${lines.join('\n')}\n`);
  return file;
}
