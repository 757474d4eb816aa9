// At what pace the bytes of one task go: at the owner's, and a replica's at its own too.

import type { Transform } from 'node:stream';
import type { InternetUse } from '../../core/index.ts';
import { UplinkPacer } from '../blobs/uplink-pacer.ts';

export interface Pacers {
  /** Of the owner's share of the line, with all blobs. */
  readonly pacer: UplinkPacer;
  /** Of all tasks with internet, where the owner has not said what the line can do. */
  readonly guessed: UplinkPacer;
  /** So many bytes have gone over the line. */
  readonly carried: (bytes: number) => void;
}

/** What the bytes of one of its connections pass. */
export function pacing(
  { downBps, upBps }: InternetUse,
  { pacer, guessed, carried }: Pacers,
): (direction: 'down' | 'up') => readonly Transform[] {
  const has = downBps > 0 && upBps > 0;
  const own = has ? new UplinkPacer(() => ({ downBps, upBps }), nobody) : null;
  return (direction) => [
    ...(own === null ? [] : [own.stream(direction)]),
    guessed.stream(direction, nobody),
    pacer.stream(direction, carried),
  ];
}

function nobody(): void {
  // One counts for all.
}
