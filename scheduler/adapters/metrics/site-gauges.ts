// Series of each site. The first sites are told one by one; all others together, as "other", so that
// a federation of many homes does not drown its Prometheus.

import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { SiteSummary } from '../../core/index.ts';
import type { MetricSources } from './metrics.ts';

/** Sites with series of their own. */
const shownSites = 1_000;
const directions = ['down', 'up'] as const;

/** The label of a site: whoever came first has one, and a site never goes. */
export class SiteLabels {
  readonly #shown = new Set<string>();

  of(siteId: string): string {
    if (this.#shown.size < shownSites) this.#shown.add(siteId);
    return this.#shown.has(siteId) ? siteId : 'other';
  }
}

export function addSiteGauges(
  registry: Registry,
  { view, bytesOf }: MetricSources,
  labels: SiteLabels,
): void {
  const registers = [registry];
  const gauge = (name: string, help: string, of: (site: SiteSummary) => number): void => {
    new Gauge({
      ...{ name, help, labelNames: ['site'], registers },
      collect() {
        this.reset();
        for (const site of view().sites()) this.inc({ site: labels.of(site.siteId) }, of(site));
      },
    });
  };
  gauge('punnet_site_nodes', 'Nodes of a site, without revoked ones.', (site) => site.nodes);
  gauge('punnet_site_slots', 'Slots that the owners at a site leave.', (site) => site.slots);
  gauge(
    'punnet_site_uplink_share_ratio',
    'The part of the uplink that is ours to spend.',
    (site) => site.share,
  );
  new Gauge({
    name: 'punnet_site_uplink_bytes_per_second',
    help: 'What the uplink can do, and who says so.',
    labelNames: ['site', 'direction', 'source'],
    registers,
    collect() {
      this.reset();
      for (const { siteId, uplink } of view().sites()) {
        const { source, downBps, upBps } = uplink;
        const site = labels.of(siteId);
        this.inc({ site, direction: 'down', source }, downBps / 8);
        this.inc({ site, direction: 'up', source }, upBps / 8);
      }
    },
  });
  gauge(
    'punnet_site_uplink_age_seconds',
    'How long ago these rates were declared, guessed or measured.',
    ({ uplink }) => uplink.ageMs / 1_000,
  );
  gauge(
    'punnet_site_uplink_spread_ratio',
    'How far the probes of a measured uplink lie around it: 0.1 is plus or minus ten per cent.',
    ({ uplink }) => uplink.spread,
  );
  addProbeBytes(registers, view, labels);
  new Counter({
    name: 'punnet_site_carried_bytes_total',
    help: 'Bytes of blobs that crossed the uplink of a site since the start.',
    labelNames: ['site', 'direction'],
    registers,
    collect() {
      this.reset();
      for (const { siteId } of view().sites()) {
        const site = labels.of(siteId);
        for (const each of directions) this.inc({ site, direction: each }, bytesOf(siteId, each));
      }
    },
  });
}

function addProbeBytes(
  registers: Registry[],
  view: MetricSources['view'],
  labels: SiteLabels,
): void {
  new Counter({
    name: 'punnet_site_probe_bytes_total',
    help: 'Bytes of packet trains that measured the uplink of a site, both ways.',
    labelNames: ['site'],
    registers,
    collect() {
      this.reset();
      for (const { siteId, probes } of view().sites()) {
        this.inc({ site: labels.of(siteId) }, probes.bytes);
      }
    },
  });
}
