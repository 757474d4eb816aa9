// Bytes that this node used of its household's line this month, both ways: what the kernel counts at the
// tunnel's device, and blobs, which go beside the tunnel. Kept on disk; SD cards wear, so that it is written
// each 20 MB or hour, and what a loss of power took is counted as if it had been used.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptFile } from '../state/kept-file.ts';

/** As the profile names it. */
const device = 'punnet';
export const saveEveryBytes = 20_000_000;
const saveEveryMs = 3_600_000;
/** IPv6, UDP and OpenVPN around each packet (40 + 8 + 24): what the line has, and the device does not. */
const bytesAround = 72;
/** OpenVPN's own pings (294 kB a day, measured) and handshakes, which the device does not see either. */
const idleBytesPerMs = 12_500 / 3_600_000;
/** TCP, IP and TLS around a blob's bytes. */
const blobFactor = 1.05;

interface Kept {
  /** "2026-11". */
  readonly month: string;
  readonly bytes: number;
  /** All was counted: the agent had time to write. */
  readonly isWhole: boolean;
}

export interface TrafficOptions {
  readonly kept: KeptFile;
  /** Where sysfs is mounted. */
  readonly sys?: string;
}

export class Traffic {
  readonly #kept: KeptFile;
  readonly #folder: string;
  #month: string;
  #bytes: number;
  #savedBytes: number;
  #savedMs = Number.NEGATIVE_INFINITY;
  /** At the device, when it was last read; null: it was not there. */
  #last: number | null = null;
  #lookedMs: number | null = null;

  constructor({ kept: file, sys = '/sys' }: TrafficOptions) {
    this.#kept = file;
    this.#folder = join(sys, 'class/net', device, 'statistics');
    const kept = keptIn(file.read());
    this.#month = kept?.month ?? '';
    this.#bytes = (kept?.bytes ?? 0) + (kept?.isWhole === false ? saveEveryBytes : 0);
    this.#savedBytes = this.#bytes;
  }

  /**
   * Counts what went through the tunnel since the last look, and returns this month's bytes.
   *
   * @param nowMs monotonic.
   */
  look(today: Date, nowMs: number): number {
    const month = monthOf(today);
    // A clock that goes back does not give a month twice.
    if (month > this.#month) {
      this.#month = month;
      this.#bytes = 0;
    }
    const found = this.#read();
    if (found !== null) this.#count(found, nowMs);
    const unsaved = this.#bytes - this.#savedBytes;
    const isDue = unsaved >= saveEveryBytes || unsaved < 0 || nowMs - this.#savedMs >= saveEveryMs;
    if (isDue) this.#save(false, nowMs);
    return Math.round(this.#bytes);
  }

  /** Bytes of a blob have gone beside the tunnel. */
  carried(bytes: number): void {
    this.#bytes += blobFactor * bytes;
  }

  /** The agent ends, and nothing is left uncounted. */
  stop(): void {
    if (this.#month !== '') this.#save(true, 0);
  }

  #count(found: number, nowMs: number): void {
    // A tunnel that was started anew counts from 0. While no agent ran there was next to nothing.
    if (this.#last !== null) {
      this.#bytes += found >= this.#last ? found - this.#last : found;
      this.#bytes += idleBytesPerMs * (nowMs - (this.#lookedMs ?? nowMs));
    }
    this.#last = found;
    this.#lookedMs = nowMs;
  }

  #read(): number | null {
    try {
      const [rx, tx, rxPackets, txPackets] = [
        ...['rx_bytes', 'tx_bytes', 'rx_packets', 'tx_packets'],
      ].map((name) => Number(readFileSync(join(this.#folder, name), 'latin1')));
      return (rx ?? 0) + (tx ?? 0) + bytesAround * ((rxPackets ?? 0) + (txPackets ?? 0));
    } catch {
      return null; // There is no tunnel now.
    }
  }

  #save(isWhole: boolean, nowMs: number): void {
    const kept: Kept = { month: this.#month, bytes: Math.round(this.#bytes), isWhole };
    this.#kept.write(JSON.stringify(kept));
    this.#savedBytes = this.#bytes;
    this.#savedMs = nowMs;
  }
}

function keptIn(text: string | null): Kept | null {
  try {
    // Written by this program only, whole or not at all.
    return JSON.parse(text ?? '') as Kept;
  } catch {
    return null;
  }
}

function monthOf(date: Date): string {
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}`;
}
