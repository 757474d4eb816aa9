#!/usr/bin/env node
// `punnet-scheduler`: puts core, loop, adapters and API together, and stops them in reverse order.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { BlobStore } from './adapters/blobs/blob-store.ts';
import { CapabilitySigner, loadCapabilityKey } from './adapters/blobs/capability.ts';
import { LeaseComposer } from './adapters/blobs/lease-composer.ts';
import { Enroller } from './adapters/enroller.ts';
import { HttpsServer } from './adapters/https/https-server.ts';
import { DataLockedError, lockData } from './adapters/journal/data-lock.ts';
import { FileJournal, JournalError } from './adapters/journal/file-journal.ts';
import { NatsIdentity } from './adapters/nats/nats-identity.ts';
import { EmbeddedNats, NatsServerError } from './adapters/nats/nats-server.ts';
import { NodeLink } from './adapters/nats/node-link.ts';
import { hashToken, makeToken } from './adapters/pki/node-token.ts';
import { openPki } from './adapters/pki/pki.ts';
import type { Pki } from './adapters/pki/pki.ts';
import { SystemClock } from './adapters/system-clock.ts';
import { ApiServer } from './api/server.ts';
import type { Config } from './config.ts';
import { readConfig } from './config.ts';
import type { Effect } from './core/index.ts';
import { instant, nodeId, tokenId } from './core/index.ts';
import { Loop } from './loop.ts';

/** The operator's first token: long, since nobody could make another without it. */
const operatorTokenMs = 400 * 24 * 3_600_000;

/** A start that failed for a reason that its user can mend. */
class StartError extends Error {}

async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2));
  const log = pino({ base: null });
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    await start(config, log, stops);
  } catch (error) {
    await stop();
    throw error;
  }
  const end = (signal: string): void => {
    log.info({ signal }, 'stopping');
    stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}

async function start(
  config: Config,
  log: pino.Logger,
  stops: (() => Promise<void> | void)[],
): Promise<void> {
  const { dataFolder, host, publicName } = config;
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  stops.push(await lockData(dataFolder));
  const report = (event: string, fields: Record<string, unknown>): void => log.info(fields, event);
  const clock = new SystemClock();
  const pki = await openPki(dataFolder, [publicName, host]);
  const blobs = await BlobStore.open(dataFolder);
  const signer = new CapabilitySigner(loadCapabilityKey(dataFolder));
  const identity = NatsIdentity.open(dataFolder);
  const { certificateFile, keyFile, caPem } = pki;
  const nats = new EmbeddedNats({
    ...{ dataFolder, identity, certificateFile, keyFile, caPem, host },
    log: report,
  });
  stops.push(() => nats.stop());
  await nats.start();
  // The loop and what it feeds need each other: effects find their way once all have started.
  const sinks: ((effects: readonly Effect[]) => void)[] = [];
  const loop = await Loop.start({
    journal: FileJournal.open(join(dataFolder, 'journal')),
    clock,
    sink: { carryOut: (effects) => sinks.forEach((sink) => sink(effects)) },
    onFatal: (error) => {
      // Nothing may be promised any more; the supervisor starts it again from the journal.
      log.fatal(error, 'stopped: the journal or the core failed');
      process.exit(1);
    },
    onWarning: (warning) => log.warn(warning),
  });
  stops.push(() => loop.stop());
  const view = () => loop.view;
  const composer = new LeaseComposer({ blobs, signer, view, now: () => clock.now() });
  const link = new NodeLink({
    url: nats.url,
    caPem,
    credentials: await identity.schedulerCredentials(),
    system: await nats.connectAsSystem(),
    accountPublicKey: identity.accountPublicKey,
    submit: (command) => loop.post(command),
    instanceOf: (id) => loop.view.instanceOf(id),
    hasBlob: async (ref) => (await blobs.size(ref.sha256)) === ref.sizeBytes,
    composeLease: (effect) => composer.compose(effect),
    revokeUser: (publicKey) => nats.revokeUser(publicKey),
    log: report,
  });
  await link.start();
  stops.push(() => link.stop());
  sinks.push((effects) => link.carryOut(effects));
  await repeatRevocations(loop, nats);

  const ports = await choosePorts(config);
  const urls = {
    endpoint: `${publicName}:${ports.grpc}`,
    https: `https://${publicName}:${ports.https}`,
    nats: nats.url.replace('localhost', publicName),
  };
  const enroller = new Enroller({
    submit: (command) => loop.submit(command),
    issueNodeJwt: (node, key) => identity.issueNodeJwt(node, key),
    ...{ hashToken, caPem, federation: config.federation },
    natsUrl: urls.nats,
    httpsUrl: urls.https,
  });
  const https = new HttpsServer({
    ...{ host, port: ports.https, blobs, signer, caPem },
    keyPem: pki.keyPem,
    certificatePem: pki.certificatePem,
    now: () => clock.now(),
    enrol: (request) => enroller.enrol(request),
    isNodeAdmitted: (id) => {
      const health = loop.view.node(nodeId(id))?.health;
      return health !== undefined && health !== 'revoked' && health !== 'quarantined';
    },
    siteRate: (id) => {
      const node = loop.view.node(nodeId(id));
      const site = node === undefined ? undefined : loop.view.site(node.siteId);
      if (site === undefined) return undefined;
      const { siteId, share, uplink } = site;
      return { siteId, downBps: share * uplink.downBps, upBps: share * uplink.upBps };
    },
  });
  await listening('enrolment and blobs', ports.https, () => https.start());
  stops.push(() => https.stop());

  const api = new ApiServer({
    view,
    submit: (command) => loop.submit(command),
    now: () => clock.now(),
    blobs,
    hashToken,
    makeToken: () => makeToken(pki.caFingerprint),
    caPem,
    enrolUrl: urls.https,
    endpoint: urls.endpoint,
    bytesOf: (siteId, direction) => https.bytes(siteId, direction),
  });
  await listening('the gRPC API', ports.grpc, () =>
    api.start({ host, port: ports.grpc, keyPem: pki.keyPem, certificatePem: pki.certificatePem }),
  );
  stops.push(() => api.stop());
  sinks.push((effects) => {
    for (const effect of effects) if (effect.kind === 'jobChanged') api.jobChanged(effect.jobId);
  });
  await writeOperatorContext(config, loop, pki, urls.endpoint);
  log.info({ ...urls, dataFolder, federation: config.federation }, 'ready');
}

/** A crash may have come between a revocation on disk and its effect: all are repeated. */
async function repeatRevocations(loop: Loop, nats: EmbeddedNats): Promise<void> {
  for (const node of loop.view.nodes()) {
    if (node.health === 'revoked') await nats.revokeUser(node.natsPublicKey);
  }
}

/** Ports given as 0 are chosen once and kept, so that agents find the scheduler again. */
async function choosePorts(config: Config): Promise<{ grpc: number; https: number }> {
  const file = join(config.dataFolder, 'ports.json');
  // Written below, by this program only.
  const kept = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { grpc: number; https: number })
    : { grpc: 0, https: 0 };
  const pick = async (wanted: number, before: number): Promise<number> => {
    if (wanted !== 0) return wanted;
    return before === 0 ? freePort(config.host) : before;
  };
  const ports = {
    grpc: await pick(config.grpcPort, kept.grpc),
    https: await pick(config.httpsPort, kept.https),
  };
  writeFileSync(file, JSON.stringify(ports), { mode: 0o600 });
  return ports;
}

async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  // A server that listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(what: string, port: number, begin: () => Promise<unknown>): Promise<void> {
  try {
    await begin();
  } catch (error) {
    const isBusy = String(error).includes('EADDRINUSE');
    if (!isBusy) throw error;
    throw new StartError(
      `Port ${port}, for ${what}, is in use: end the program that has it (ss -ltnp 'sport = :${port}' names it), or choose another (--grpc-port, --https-port).`,
    );
  }
}

/** At first start: a file that gives whoever can read it the operator's rights. */
async function writeOperatorContext(
  config: Config,
  loop: Loop,
  pki: Pki,
  endpoint: string,
): Promise<void> {
  const file = join(config.dataFolder, 'operator.context');
  if (existsSync(file)) return;
  const token = makeToken(pki.caFingerprint);
  await loop.submit({
    kind: 'createToken',
    tokenId: tokenId(`t${randomBytes(5).toString('hex')}`),
    hash: hashToken(token),
    role: 'operator',
    name: 'operator',
    siteId: null,
    expiresAt: instant(Date.now() + operatorTokenMs),
    uses: null,
  });
  const context = { name: config.federation, endpoint, caPem: pki.caPem, token };
  writeFileSync(file, `${JSON.stringify(context, null, 1)}\n`, { mode: 0o600, flush: true });
}

function fail(error: unknown): never {
  const isMistake =
    error instanceof StartError ||
    error instanceof DataLockedError ||
    error instanceof JournalError ||
    error instanceof NatsServerError;
  const text = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(
    `punnet-scheduler: ${isMistake ? text.message : (text.stack ?? text.message)}\n`,
  );
  process.exit(1);
}

main().catch(fail);
