// When home lines are slower: from 20 to 22 h, Ofcom's peak hours. Every day is taken for a weekday, and
// all sites for one time zone.

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const peak = { fromMs: 20 * hourMs, toMs: 22 * hourMs };

export class Evenings {
  readonly #startsAtMs: number;

  /** A run begins so long after midnight. */
  constructor(startsAtMs: number) {
    this.#startsAtMs = startsAtMs;
  }

  isPeak(nowMs: number): boolean {
    const ofDay = (this.#startsAtMs + nowMs) % dayMs;
    return ofDay >= peak.fromMs && ofDay < peak.toMs;
  }

  /** When that is next another than now. */
  nextChange(nowMs: number): number {
    const ofDay = (this.#startsAtMs + nowMs) % dayMs;
    const [next = peak.fromMs + dayMs] = [peak.fromMs, peak.toMs].filter((each) => each > ofDay);
    return nowMs + next - ofDay;
  }

  /** Of the time from the start until then, the part in peak hours. */
  peakPart(untilMs: number): number {
    let sum = 0;
    for (let fromMs = 0; fromMs < untilMs;) {
      const toMs = Math.min(untilMs, this.nextChange(fromMs));
      if (this.isPeak(fromMs)) sum += toMs - fromMs;
      fromMs = toMs;
    }
    return untilMs === 0 ? 0 : sum / untilMs;
  }
}

/**
 * The rate outside of peak hours and the one in them, of a line whose mean over the day the panel
 * tells, and the other as a part of that.
 */
export function ratesOfDay(meanBps: number, part: number) {
  const peakHours = (peak.toMs - peak.fromMs) / hourMs;
  return {
    downBps: (meanBps * (24 - peakHours * part)) / (24 - peakHours),
    peakBps: part * meanBps,
  };
}
