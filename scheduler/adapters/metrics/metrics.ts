// What Prometheus is told. Counters and histograms hear of the loop and of the journal as they go;
// gauges are counted when somebody asks. Every label has a bound.

import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Answer, Fact, SiteId, TunnelsSeen, View } from '../../core/index.ts';
import type { Meter } from '../../ports.ts';
import { addFederationGauges } from './federation-gauges.ts';
import { SiteLabels, addSiteGauges } from './site-gauges.ts';

/** From a tenth of a millisecond, a quiet batch, to ten seconds, a disk in trouble. */
const buckets = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const batchSizes = [1, 3, 10, 30, 100, 300, 1_000, 3_000];

/** What there is to ask once the journal was read. */
export interface MetricSources {
  readonly view: () => View;
  readonly bytesOf: (siteId: string, direction: 'down' | 'up') => number;
  readonly droppedMessages: () => number;
}

export class Metrics implements Meter {
  readonly registry = new Registry();
  readonly #spans: Readonly<Record<'batch' | 'snapshotPause', Histogram>>;
  readonly #batchCommands: Histogram;
  readonly #placements: Counter<'site'>;
  readonly #refused: Counter<'code'>;
  readonly #tunnels: Gauge<'slice'>;
  readonly #labels = new SiteLabels();
  #view: (() => View) | undefined;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    // Gauges of Node whose names end as those of counters do: promtool refuses them.
    for (const what of ['handles', 'requests', 'resources']) {
      this.registry.removeSingleMetric(`nodejs_active_${what}_total`);
    }
    const histogram = (name: string, help: string, of = buckets): Histogram =>
      new Histogram({ name, help, buckets: of, registers });
    this.#spans = {
      batch: histogram('punnet_loop_batch_seconds', 'Deciding, writing and answering one batch.'),
      snapshotPause: histogram(
        'punnet_snapshot_pause_seconds',
        'How long copying the state for a snapshot stopped everything.',
      ),
    };
    this.#batchCommands = histogram(
      'punnet_loop_batch_commands',
      'Commands decided in one batch.',
      batchSizes,
    );
    this.#placements = new Counter({
      ...{ name: 'punnet_placements_total', help: 'Tasks placed at a site since the start.' },
      ...{ labelNames: ['site'], registers },
    });
    this.#refused = new Counter({
      ...{ name: 'punnet_commands_refused_total', help: 'Commands that the core refused.' },
      ...{ labelNames: ['code'], registers },
    });
    this.#tunnels = new Gauge({
      ...{ name: 'punnet_tunnels', help: 'Nodes connected to the OpenVPN server of a slice.' },
      ...{ labelNames: ['slice'], registers },
    });
  }

  /** What an OpenVPN server was last seen to have. */
  tunnels({ slice, tunnels }: TunnelsSeen): void {
    this.#tunnels.set({ slice }, tunnels.length);
  }

  /** From now on the federation is told of, too. */
  watch(sources: MetricSources): void {
    this.#view = sources.view;
    addFederationGauges(this.registry, sources);
    addSiteGauges(this.registry, sources, this.#labels);
  }

  begin(what: 'batch' | 'snapshotPause'): () => void {
    const end = this.#spans[what].startTimer();
    return () => void end();
  }

  batch(facts: readonly Fact[], answers: readonly Answer[]): void {
    this.#batchCommands.observe(answers.length);
    for (const answer of answers) {
      if (answer.kind === 'refused') this.#refused.inc({ code: answer.code });
    }
    for (const [siteId, count] of this.#placementsIn(facts)) {
      this.#placements.inc({ site: this.#labels.of(siteId) }, count);
    }
  }

  /** Most batches place nothing. */
  #placementsIn(facts: readonly Fact[]): Iterable<readonly [SiteId, number]> {
    const view = this.#view?.();
    const isPlacing = facts.some((fact) => fact.kind === 'tasksLeased');
    return view === undefined || !isPlacing ? [] : view.placementsBySite(facts);
  }
}
