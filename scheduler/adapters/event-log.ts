// Hears of batches for the metrics and tells the log what operators look for there.

import type { Answer, Fact, Happening, View } from '../core/index.ts';
import type { Meter } from '../ports.ts';

export interface EventLogOptions {
  readonly meter: Meter;
  readonly view: () => View;
  readonly log: (happening: Happening) => void;
}

export class EventLog implements Meter {
  readonly #options: EventLogOptions;

  constructor(options: EventLogOptions) {
    this.#options = options;
  }

  begin(what: 'batch' | 'snapshotPause'): () => void {
    return this.#options.meter.begin(what);
  }

  batch(facts: readonly Fact[], answers: readonly Answer[]): void {
    const { meter, view, log } = this.#options;
    meter.batch(facts, answers);
    for (const happening of view().happenings(facts)) log(happening);
  }
}
