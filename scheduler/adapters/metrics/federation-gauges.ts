// Gauges of the whole federation. The core counts once for each answer; each gauge takes its part.

import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Census } from '../../core/index.ts';
import { jobStates, leasePhases } from '../../core/index.ts';
import type { MetricSources } from './metrics.ts';

interface Labelled {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  /** What there is none of is 0, not absent: alerts compare. */
  readonly known: readonly string[];
  readonly of: (census: Census) => ReadonlyMap<string, number>;
}

const labelled: readonly Labelled[] = [
  {
    name: 'punnet_jobs',
    help: 'Jobs that the scheduler knows, by state.',
    label: 'state',
    known: jobStates,
    of: ({ jobs }) => jobs,
  },
  {
    name: 'punnet_tasks',
    help: 'Tasks of those jobs, by state.',
    label: 'state',
    known: ['waiting', 'staging', 'running', 'sending', 'succeeded', 'failed', 'cancelled'],
    of: ({ tasks }) => tasks,
  },
  {
    name: 'punnet_leases',
    help: 'Leases by what they do; void ones were taken back.',
    label: 'phase',
    known: [...leasePhases, 'void'],
    of: ({ leases }) => leases,
  },
  {
    name: 'punnet_exchange_leased_bytes',
    help: 'Bytes of shared blobs that nodes were to bring to their sites since the start: for the first time, and again.',
    label: 'time',
    known: ['first', 'again'],
    of: ({ exchangeBytes }) => exchangeBytes,
  },
  {
    name: 'punnet_placement_refusals',
    help: 'How often a node refuses one of the 16 oldest waiting jobs, by reason.',
    label: 'reason',
    known: [],
    of: ({ refusals }) => refusals,
  },
];

interface Plain {
  readonly name: string;
  readonly help: string;
  readonly of: (census: Census) => number;
}

const plain: readonly Plain[] = [
  {
    name: 'punnet_jobs_without_node',
    help: 'Of the 16 oldest waiting jobs, those that no enrolled node could ever run.',
    of: ({ jobsWithoutNode }) => jobsWithoutNode,
  },
  {
    name: 'punnet_report_age_max_seconds',
    help: 'The longest silence of a node that counts as healthy.',
    of: ({ oldestReportMs }) => (oldestReportMs ?? 0) / 1_000,
  },
];

export function addFederationGauges(registry: Registry, sources: MetricSources): void {
  const registers = [registry];
  const census = countOnce(sources);
  for (const { name, help, label, known, of } of labelled) {
    new Gauge({
      ...{ name, help, labelNames: [label], registers },
      collect() {
        this.reset();
        for (const value of known) this.set({ [label]: value }, 0);
        for (const [value, count] of of(census())) this.set({ [label]: value }, count);
      },
    });
  }
  for (const { name, help, of } of plain) {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(of(census()));
      },
    });
  }
  new Gauge({
    name: 'punnet_nodes',
    help: 'Enrolled nodes, by health and architecture.',
    ...{ labelNames: ['health', 'architecture'], registers },
    collect() {
      this.reset();
      for (const { count, ...labels } of census().nodes) this.set(labels, count);
    },
  });
  new Counter({
    name: 'punnet_exchange_unfound_chunks_total',
    help: 'Chunks that had to be leased though a node of the site said that it holds them: another one found them nowhere.',
    registers,
    collect() {
      this.reset();
      this.inc(census().unfoundChunks);
    },
  });
  new Counter({
    name: 'punnet_node_messages_dropped_total',
    help: 'Messages of nodes that could not be read.',
    registers,
    collect() {
      this.reset();
      this.inc(sources.droppedMessages());
    },
  });
}

/** All gauges of one answer are collected in one go; after it the count is dropped. */
function countOnce({ view }: MetricSources): () => Census {
  let counted: Census | undefined;
  return () => {
    if (counted === undefined) {
      counted = view().census();
      queueMicrotask(() => (counted = undefined));
    }
    return counted;
  };
}
