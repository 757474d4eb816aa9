// How long the way to the federation and back takes while blobs go over the line: each second the least of four
// pings, since a busy board answers late and never early. Nothing is sent while no blob goes.

/** Between pings. */
const pingEveryMs = 250;
const pingsOfLook = 4;
/** One that is not answered by then says nothing: the line may be away. */
const pingWithinMs = 3_000;
/** After the last bytes of blobs. */
const watchedForMs = 3_000;

export interface LineWatchOptions {
  /** Fails when the federation is away. */
  readonly ping: () => Promise<void>;
  readonly take: (spanMs: number) => void;
  readonly nowMs: () => number;
}

export class LineWatch {
  readonly #options: LineWatchOptions;
  #carriedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #spans: (number | null)[] = [];

  constructor(options: LineWatchOptions) {
    this.#options = options;
  }

  /** Bytes of blobs have gone over the line, either way. The first ping leaves before they fill it. */
  carried(): void {
    this.#carriedMs = this.#options.nowMs();
    if (this.#timer === undefined) this.#start();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#spans = [];
    this.#timer = setInterval(() => this.#turn(), pingEveryMs);
    this.#timer.unref();
    void this.#ping();
  }

  #turn(): void {
    if (this.#options.nowMs() - this.#carriedMs > watchedForMs) return this.stop();
    void this.#ping();
  }

  async #ping(): Promise<void> {
    const { ping, nowMs, take } = this.#options;
    const sentMs = nowMs();
    const isAnswered = await ping().then(
      () => true,
      () => false,
    );
    const spanMs = nowMs() - sentMs;
    this.#spans.push(isAnswered && spanMs <= pingWithinMs ? spanMs : null);
    if (this.#spans.length < pingsOfLook) return;
    const heard = this.#spans.filter((each) => each !== null);
    this.#spans = [];
    if (heard.length === pingsOfLook) take(Math.min(...heard));
  }
}
