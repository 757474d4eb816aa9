// A line about work under way: drawn over on a terminal, told now and then elsewhere. Work that ends
// soon is not told of at all.
import type { CliIo } from './io.ts';
import { bytesText } from './print.ts';

const terminalIntervalMs = 250;
const lineIntervalMs = 2000;

export interface LiveLine {
  /** Shows what the function says, when it is time. */
  show(text: () => string): void;
  /** Takes the line away, or leaves a last one. */
  end(text: string): void;
}

export function liveLine(io: CliIo): LiveLine {
  let shownMs = io.now();
  const clear = io.isTty ? '\r\u001b[K' : '';
  return {
    show: (text) => {
      const nowMs = io.now();
      if (nowMs - shownMs < (io.isTty ? terminalIntervalMs : lineIntervalMs)) return;
      shownMs = nowMs;
      io.err(`${clear}${text()}${io.isTty ? '' : '\n'}`);
    },
    end: (text) => io.err(`${clear}${text}`),
  };
}

/** "12.3 MB/s", the mean since an instant. */
export function meanRateText(bytes: number, sinceMs: number, nowMs: number): string {
  return `${bytesText(Math.round(bytes / Math.max(0.001, (nowMs - sinceMs) / 1000)))}/s`;
}
