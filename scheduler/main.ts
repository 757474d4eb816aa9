#!/usr/bin/env node
// `punnet-scheduler`: puts core, loop, adapters and API together, and stops them in reverse order.

import { join } from 'node:path';
import pino from 'pino';
import { AuditLog } from './adapters/audit/audit-log.ts';
import { BlobIndexes } from './adapters/blobs/blob-indexes.ts';
import { BlobStore } from './adapters/blobs/blob-store.ts';
import { BundleChecks } from './adapters/blobs/bundle-checks.ts';
import { CapabilitySigner, loadCapabilityKey } from './adapters/blobs/capability.ts';
import { Manifests } from './adapters/blobs/manifests.ts';
import { makeFolder } from './adapters/durable-file.ts';
import { EventLog } from './adapters/event-log.ts';
import { HttpsServer } from './adapters/https/https-server.ts';
import { publicFiles } from './adapters/public-files.ts';
import { lockData } from './adapters/journal/data-lock.ts';
import { FileJournal } from './adapters/journal/file-journal.ts';
import { KeptPorts } from './adapters/kept-ports.ts';
import { MeteredJournal } from './adapters/metrics/metered-journal.ts';
import { MetricsServer } from './adapters/metrics/metrics-server.ts';
import { Metrics } from './adapters/metrics/metrics.ts';
import { ExternalNats } from './adapters/nats/external-nats.ts';
import { NatsIdentity } from './adapters/nats/nats-identity.ts';
import { EmbeddedNats } from './adapters/nats/nats-server.ts';
import { Overlay } from './adapters/overlay/overlay.ts';
import { hashToken, makeToken } from './adapters/pki/node-token.ts';
import { PlanSolver } from './adapters/plan/plan-solver.ts';
import { openAuthority } from './adapters/pki/authority.ts';
import type { Pki } from './adapters/pki/pki.ts';
import { openPki } from './adapters/pki/pki.ts';
import { AddressBook, addressBookFile, keepTidy } from './adapters/tunnels/address-book.ts';
import { SystemClock } from './adapters/system-clock.ts';
import type { ReleaseWantsOptions } from './adapters/releases/release-wants.ts';
import { ReleaseWants } from './adapters/releases/release-wants.ts';
import { ReleaseRepository } from './adapters/releases/release-repository.ts';
import { urlHost } from './adapters/url-host.ts';
import { ApiServer } from './api/server.ts';
import { startBlobCare } from './blob-care.ts';
import type { Config } from './config.ts';
import { readConfig } from './config.ts';
import type { Effect, Instant } from './core/index.ts';
import {
  enrolment,
  letOperatorIn,
  nodeRules,
  repeatRevocations,
  startOverlay,
} from './enrolment.ts';
import { startProbes } from './uplinks.ts';
import { startLink } from './link.ts';
import { Loop } from './loop.ts';
import { isMaintenance, maintain } from './maintenance.ts';
import { wordsFor } from './mistakes.ts';
import { checkAddress, checkCoreAddress, listening } from './adapters/listening.ts';

/** Those who wait for an answer hear that there is none. */
const lastWordsMs = 200;

/** What is done at the end, the last first. */
type Stops = (() => Promise<void> | void)[];

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (isMaintenance(words)) return maintain(words);
  const config = readConfig(words);
  await checkAddress(config.host);
  const log = pino({ base: null });
  const stops: Stops = [];
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

/** What was read from the data folder, or made there at the first start. */
interface Folder {
  readonly pki: Pki;
  readonly blobs: BlobStore;
  readonly indexes: BlobIndexes;
  readonly releases: ReleaseRepository;
  readonly audit: AuditLog;
  /** Where nodes connect from, for operators. */
  readonly addresses: AddressBook;
  readonly signer: CapabilitySigner;
  readonly identity: NatsIdentity;
  /** undefined: nodes need no tunnel. */
  readonly overlay: Overlay | undefined;
  readonly ports: Readonly<Record<'grpc' | 'https' | 'nats' | 'metrics' | 'probe', number>>;
}

async function start(config: Config, log: pino.Logger, stops: Stops): Promise<void> {
  const folder = await openFolder(config, log, stops);
  const { pki, blobs, signer, ports } = folder;
  const urls = urlsOf(config, folder);
  // The loop and what surrounds it need each other: they are made first, and listen last.
  const submit: Loop['submit'] = (command) => loop.submit(command);
  const view = (): Loop['view'] => loop.view;
  const now = (): Instant => loop.now();
  const metrics = new Metrics();
  const watched = await startMetrics(ports.metrics, metrics, stops);
  const nats = await startNats(config, folder, { log, stops });
  const manifests = new Manifests(blobs);
  const bundles = new BundleChecks(blobs);
  const post: Loop['post'] = (command) => loop.post(command);
  const { link, kept, care } = await startLink(folder, nats, {
    ...{ manifests, view, now, stops, restMs: () => loop.restMs(), submit: post },
    log: (event, fields) => log.warn(fields, event),
  });
  const probes = await startProbes(config, folder, {
    ...{ submit: post, send: (id, task) => link.sendProbe(id, task) },
  });
  stops.push(() => probes.stop());
  const files = publicFiles(pki.caPem);
  const https = new HttpsServer({
    ...{ host: config.host, port: ports.https, blobs, signer, kept, indexes: folder.indexes },
    ...{ keyPem: pki.keyPem, certificatePem: pki.certificatePem, caPem: pki.caPem },
    ...{ files, now, releaseFile: (name) => folder.releases.publicFile(name) },
    ...enrolment(folder, { federation: config.federation, submit, view, urls }),
    ...nodeRules(view),
  });
  const bytesOf: HttpsServer['bytes'] = (siteId, direction) => https.bytes(siteId, direction);
  const wants = releaseWants(folder, { view, now, submit }, log);
  const api = new ApiServer({
    ...{ view, submit, blobs, audit: folder.audit, hashToken, caPem: pki.caPem },
    ...{ now, releases: folder.releases, rolloutComes: (...which) => wants.soon(...which) },
    makeToken: () => makeToken(pki.caFingerprint),
    ...{ enrolUrl: urls.https, hasInstaller: files.has('/install.sh') },
    bundleProblem: (sha256, claim) => bundles.problem(sha256, claim),
    ...{ bringKept: (...call) => kept.bring(...call), taskList: (id) => manifests.get(id) },
    ...{ endpoint: urls.endpoint, isInternetAllowed: config.isInternetAllowed },
    onFault: (error) => log.error(error, 'a call failed'),
    ...{ bytesOf, addressesOf: (id) => folder.addresses.of(id, now()) },
    overlayAddressOf: (node) => folder.overlay?.addressOf(node) ?? '',
  });
  const loop = await startLoop(config, {
    ...{ metrics, log, stops },
    carryOut: (effects) => {
      link.carryOut(effects);
      probes.carryOut(effects);
      for (const effect of effects) if (effect.kind === 'jobChanged') api.jobChanged(effect.jobId);
    },
  });
  metrics.watch({ view, bytesOf, droppedMessages: () => link.droppedMessages });
  await startOverlay(folder, loop, {
    dataFolder: config.dataFolder,
    seen: (each) => {
      metrics.tunnels(each);
      loop.post(each);
    },
    log: (event, fields) => log.info(fields, event),
  });
  await repeatRevocations(loop, folder, nats);
  await startWants(wants, stops);
  await link.listen();
  await openPorts(config, folder, { https, api, stops });
  await letOperatorIn(config, loop, { pki, endpoint: urls.endpoint });
  stops.push(await startBlobCare({ ...config, ...folder, ...care, metrics, log }));
  watched.readyUnless(() => (link.isConnected ? null : 'nats-server is away'));
  tellReady(log, config, { ...urls, metrics: `http://127.0.0.1:${ports.metrics}/metrics` });
}

/** What the core is told of releases; the loop comes later. */
function releaseWants(
  { releases, indexes }: Folder,
  later: Pick<ReleaseWantsOptions, 'now' | 'submit'> & { readonly view: () => Loop['view'] },
  log: pino.Logger,
): ReleaseWants {
  return new ReleaseWants({
    ...later,
    ...{ rollouts: () => later.view().rollouts(), releases: () => releases.releases },
    indexOf: (id) => indexes.indexOf(id),
    log: (event, fields) => log.warn(fields, event),
  });
}

/** Before nodes are heard, which tell what they have of releases. */
async function startWants(wants: ReleaseWants, stops: Stops): Promise<void> {
  await wants.start();
  stops.push(() => wants.stop());
}

function tellReady(
  log: pino.Logger,
  { dataFolder, federation }: Config,
  urls: Readonly<Record<'endpoint' | 'https' | 'metrics', string>> & { nats: readonly string[] },
): void {
  log.info({ ...urls, nats: urls.nats.join(','), dataFolder, federation }, 'ready');
}

async function openPorts(
  { host }: Config,
  { pki, ports }: Folder,
  { https, api, stops }: { https: HttpsServer; api: ApiServer; stops: Stops },
): Promise<void> {
  await listening('--https-port', ports.https, () => https.start());
  stops.push(() => https.stop());
  const { keyPem, certificatePem } = pki;
  await listening('--grpc-port', ports.grpc, () =>
    api.start({ host: urlHost(host), port: ports.grpc, keyPem, certificatePem }),
  );
  stops.push(() => api.stop());
}

/** What clients and agents are told to connect to. */
function urlsOf({ publicName, natsUrls }: Config, { ports, overlay }: Folder) {
  const host = urlHost(publicName);
  const ownNats = `tls://${urlHost(overlay?.coreAddress ?? publicName)}:${ports.nats}`;
  return {
    endpoint: `${host}:${ports.grpc}`,
    https: `https://${host}:${ports.https}`,
    nats: natsUrls.length > 0 ? natsUrls : [ownNats],
  };
}

async function openFolder(config: Config, log: pino.Logger, stops: Stops): Promise<Folder> {
  const { dataFolder, host, publicName } = config;
  makeFolder(dataFolder);
  stops.push(await lockData(dataFolder));
  const audit = AuditLog.open(dataFolder);
  stops.push(() => audit.close());
  const addresses = AddressBook.open(dataFolder, Date.now());
  const unsaved = (error: unknown): void => log.error(error, `${addressBookFile} is not saved`);
  stops.push(keepTidy(addresses, Date.now, unsaved));
  const kept = new KeptPorts(dataFolder);
  const port = (name: string, wanted: number, at = host): Promise<number> =>
    wanted === 0 ? kept.port(name, at) : Promise.resolve(wanted);
  const overlay = await openOverlay(config, log, stops);
  const natsHost = overlay?.coreAddress ?? host;
  const blobs = await BlobStore.open(dataFolder, (damage) =>
    log.error(damage, 'a blob was damaged'),
  );
  const releases = ReleaseRepository.open({
    ...{ dataFolder, nowMs: Date.now, sizeOf: (id) => blobs.size(id) },
  });
  const namedIndex = (id: string): string | undefined => releases.indexOf(id);
  return {
    pki: await openPki(dataFolder, [publicName, host, natsHost]),
    blobs,
    indexes: await BlobIndexes.open({ dataFolder, blobs, namedIndex }),
    releases,
    audit,
    addresses,
    signer: new CapabilitySigner(loadCapabilityKey(dataFolder)),
    identity: NatsIdentity.open(dataFolder),
    overlay,
    ports: {
      grpc: await port('grpc', config.grpcPort),
      https: await port('https', config.httpsPort),
      nats: await port('nats', 0, natsHost),
      metrics: await port('metrics', config.metricsPort),
      probe: await port('probe', config.probePort, natsHost),
    },
  };
}

async function openOverlay(
  { dataFolder, overlayFolder: folder }: Config,
  log: pino.Logger,
  stops: Stops,
): Promise<Overlay | undefined> {
  if (folder === undefined) return undefined;
  const authority = await openAuthority(dataFolder);
  const tell = (event: string, fields: Record<string, unknown>): void => log.warn(fields, event);
  const overlay = new Overlay({ folder, dataFolder, authority, log: tell });
  await checkCoreAddress(overlay.coreAddress);
  stops.push(() => overlay.stop());
  return overlay;
}

/** The bus, whoever runs it. */
type Nats = Pick<EmbeddedNats, 'urls' | 'revokeUsers'>;

async function startNats(
  config: Config,
  { pki, identity, ports, overlay }: Folder,
  { log, stops }: { readonly log: pino.Logger; readonly stops: Stops },
): Promise<Nats> {
  const { natsUrls } = config;
  if (natsUrls.length > 0) {
    const external = await ExternalNats.connect({ urls: natsUrls, identity, caPem: pki.caPem });
    stops.push(() => external.stop());
    return external;
  }
  const nats = new EmbeddedNats({
    ...{ dataFolder: config.dataFolder, port: ports.nats, identity },
    host: overlay?.coreAddress ?? config.host,
    ...{ certificateFile: pki.certificateFile, keyFile: pki.keyFile, caPem: pki.caPem },
    log: (event, fields) => log.info(fields, event),
  });
  stops.push(() => nats.stop());
  await nats.start();
  return nats;
}

async function startMetrics(port: number, metrics: Metrics, stops: Stops): Promise<MetricsServer> {
  const server = new MetricsServer({ port, registry: metrics.registry });
  await listening('--metrics-port', port, () => server.start());
  stops.push(() => server.stop());
  return server;
}

async function startLoop(
  config: Config,
  other: {
    readonly metrics: Metrics;
    readonly log: pino.Logger;
    readonly stops: Stops;
    readonly carryOut: (effects: readonly Effect[]) => void;
  },
): Promise<Loop> {
  const { metrics, log, stops, carryOut } = other;
  const journal = FileJournal.open(join(config.dataFolder, 'journal'));
  const solver = new PlanSolver({
    post: (command) => loop.post(command),
    log: (event, fields) => log.warn(fields, event),
  });
  stops.push(() => solver.stop());
  const loop = await Loop.start({
    journal: new MeteredJournal(journal, metrics.registry),
    clock: new SystemClock(),
    meter: new EventLog({
      ...{ meter: metrics, view: () => loop.view },
      log: ({ level, event, fields }) => log[level](fields, event),
    }),
    policy: config.policy,
    sink: {
      carryOut: (effects) => {
        carryOut(effects);
        for (const effect of effects) if (effect.kind === 'solvePlan') solver.solve(effect);
      },
    },
    onFatal: (error) => {
      // Nothing may be promised any more; the supervisor starts it again from the journal.
      log.fatal(error, 'stopped: the journal or the core failed');
      setTimeout(() => process.exit(1), lastWordsMs);
    },
    onWarning: (warning) => log.warn(warning),
  });
  stops.push(() => loop.stop());
  return loop;
}

function fail(error: unknown): never {
  process.stderr.write(`punnet-scheduler: ${wordsFor(error)}\n`);
  process.exit(1);
}

main().catch(fail);
