// The upkeep of blobs, for main.ts: what nothing names is removed, and all that stays is read now and then.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { BlobCollectorOptions } from './adapters/blobs/blob-collector.ts';
import { BlobCollector } from './adapters/blobs/blob-collector.ts';
import type { BlobIndexes } from './adapters/blobs/blob-indexes.ts';
import { BlobScan } from './adapters/blobs/blob-scan.ts';
import type { BlobStore } from './adapters/blobs/blob-store.ts';
import type { Manifests } from './adapters/blobs/manifests.ts';
import { BlobMetrics } from './adapters/metrics/blob-metrics.ts';
import type { Metrics } from './adapters/metrics/metrics.ts';
import type { View } from './core/index.ts';

/** After a start others have more to do. */
const firstAfterMs = 15 * 60_000;
/** Nothing goes before it is a week old: a day more or less is no matter. No backup takes as long. */
const collectEveryMs = 24 * 3_600_000;

export interface BlobCareOptions {
  readonly dataFolder: string;
  readonly blobs: BlobStore;
  readonly indexes: BlobIndexes;
  readonly manifests: Manifests;
  readonly releases: { readonly blobs: ReadonlySet<string> };
  readonly view: () => View;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly onUnsent: BlobCollectorOptions['onUnsent'];
}

/** What it started is stopped by the answer. */
export async function startBlobCare(options: BlobCareOptions): Promise<() => Promise<void>> {
  const { dataFolder, blobs, log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const scan = await BlobScan.open({
    ...{ dataFolder, blobs, nowMs: Date.now, wait },
    onBlob: ({ sizeBytes, isDamaged }) => {
      metrics.scanned(sizeBytes);
      if (isDamaged) metrics.damaged();
    },
    onUnreadable: (sha256, error) =>
      log.error(error, `blob ${sha256} cannot be read; check the disk, and send it again`),
  });
  const metrics = new BlobMetrics(options.metrics.registry, () => scan.endedAtMs);
  const works = [
    again(
      signal,
      () => scan.run(signal),
      (error) => log.error(error, 'blobs cannot be scanned'),
    ),
    collectDaily(options, metrics, signal),
  ];
  return async () => {
    stopping.abort();
    await Promise.all(works);
  };
}

async function collectDaily(
  { blobs, indexes, manifests, releases, view, log, onUnsent }: BlobCareOptions,
  metrics: BlobMetrics,
  signal: AbortSignal,
): Promise<void> {
  const collector = new BlobCollector({
    ...{ blobs, manifests, named: () => view().namedBlobs(), onUnsent },
    namedElsewhere: () => releases.blobs,
    onRemoved: async (sha256, sizeBytes) => {
      metrics.removed(sizeBytes);
      await indexes.forget(sha256);
    },
  });
  await wait(firstAfterMs, signal);
  const collect = async (): Promise<void> => {
    const collected = await collector.collect(signal);
    if (collected.removed > 0) log.info(collected, 'blobs that nothing names were removed');
    await wait(collectEveryMs, signal);
  };
  await again(signal, collect, (error) => log.error(error, 'blobs that nothing names stay'));
}

/** One after another until the signal is aborted; one that fails is told, and tried again an hour later. */
async function again(
  signal: AbortSignal,
  work: () => Promise<void>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (error) {
      onFailure(error);
      await wait(3_600_000, signal);
    }
  }
}

/** Never rejects; it keeps no process alive. */
async function wait(spanMs: number, signal: AbortSignal): Promise<void> {
  await sleep(spanMs, undefined, { signal, ref: false }).catch(() => undefined);
}
