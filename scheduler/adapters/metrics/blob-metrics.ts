// What Prometheus is told of the blobs' upkeep.

import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

export class BlobMetrics {
  readonly #removed: Counter;
  readonly #removedBytes: Counter;
  readonly #scannedBytes: Counter;
  readonly #damaged: Counter;

  /** `scannedAtMs`: when all blobs had last been read; 0: never. */
  constructor(registry: Registry, scannedAtMs: () => number) {
    const registers = [registry];
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.#removed = counter(
      'punnet_blobs_removed_total',
      'Blobs removed since the start because nothing named them.',
    );
    this.#removedBytes = counter('punnet_blobs_removed_bytes_total', 'Their bytes.');
    this.#scannedBytes = counter(
      'punnet_blobs_scanned_bytes_total',
      'Bytes of blobs read since the start to see whether the disk still has them.',
    );
    this.#damaged = counter(
      'punnet_blobs_damaged_total',
      'Blobs that a scan has found damaged since the start, and that were removed if they could be read.',
    );
    new Gauge({
      name: 'punnet_blobs_scan_end_seconds',
      help: 'When all blobs had last been read so, in Unix time; 0: never.',
      registers,
      collect() {
        this.set(scannedAtMs() / 1_000);
      },
    });
  }

  removed(sizeBytes: number): void {
    this.#removed.inc();
    this.#removedBytes.inc(sizeBytes);
  }

  scanned(sizeBytes: number): void {
    this.#scannedBytes.inc(sizeBytes);
  }

  damaged(): void {
    this.#damaged.inc();
  }
}
