// Packet trains that measure a line: the packets that a scheduler and a node exchange by UDP. The scheduler leads.
// Each packet carries the lease's nonce, which only these two know: others get no answer.

export const nonceBytes = 16;
/** Of each packet of a train; the others are headers only. */
export const trainPacketBytes = 1_200;
const headerBytes = 32;

/**
 * hello: the node is there, and its NAT open. down: a packet of a train to the node, which it answers with `heard` when the
 * train is over. ask: it shall send a train, whose packets are `up`. bye: it is done.
 */
export const trainKinds = ['hello', 'down', 'heard', 'ask', 'up', 'bye'] as const;
export type TrainKind = (typeof trainKinds)[number];

export interface TrainPacket {
  readonly kind: TrainKind;
  /** Which train of this probe. */
  readonly train: number;
  /** Of `heard`: packets that were seen one by one. */
  readonly sequence: number;
  /** Packets of the train; of `heard`, that came. */
  readonly count: number;
  /** Of `down`: any number. Of `heard`: all that came, by exclusive or: who answers before it has them cannot know it. */
  readonly word: number;
  /** Of `heard`: the pace of the train; 0 if too little came. */
  readonly spanMicros: number;
  readonly spanCount: number;
}

/** The packet, of this nonce. */
export function writeTrainPacket(nonce: Uint8Array, packet: TrainPacket): Uint8Array {
  const isFull = packet.kind === 'down' || packet.kind === 'up';
  const bytes = new Uint8Array(isFull ? trainPacketBytes : headerBytes);
  bytes.set(nonce);
  const view = new DataView(bytes.buffer);
  view.setUint8(16, trainKinds.indexOf(packet.kind));
  view.setUint8(17, packet.train);
  view.setUint16(18, packet.sequence);
  view.setUint16(20, packet.count);
  view.setUint32(22, packet.word);
  view.setUint32(26, packet.spanMicros);
  view.setUint16(30, packet.spanCount);
  return bytes;
}

/** Undefined: it is no packet of this nonce. */
export function readTrainPacket(nonce: Uint8Array, bytes: Uint8Array): TrainPacket | undefined {
  if (bytes.length < headerBytes) return undefined;
  let differs = 0;
  // Without a hint of how much of it was right.
  for (const [at, byte] of nonce.entries()) differs |= byte ^ (bytes[at] ?? 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = trainKinds[view.getUint8(16)];
  if (differs !== 0 || kind === undefined) return undefined;
  return {
    ...{ kind, train: view.getUint8(17), sequence: view.getUint16(18), count: view.getUint16(20) },
    ...{ word: view.getUint32(22), spanMicros: view.getUint32(26), spanCount: view.getUint16(30) },
  };
}

/** How fast a train came. */
export interface Pace {
  /** µs, and packets after the first of that time. */
  readonly spanMicros: number;
  readonly spanCount: number;
  /** Packets that were seen one by one: 0 for a train that was read all at once, by whose times nothing can be told. */
  readonly seen: number;
}

/** Packets of no line that is measured come as near to each other as this; a program that was asleep reads them so, ms. */
const readMs = 0.03;
/** Of a train, after what the buffers on the way let through at once. */
const latePart = 0.65;
const leastPackets = 5;

/**
 * Of packets that came at these times, ms. A busy machine sees some late, and none early: so the line is where the least
 * are below it, the lower hull of the points (as clocks' drifts are told from delays: Moon, Skelly, Towsley 1999). A
 * program that sleeps sees the last packet before it wakes hardly late, so that what it sees in lumps is still right. Null: too few.
 */
export function paceOf(arrivals: readonly number[]): Pace | null {
  if (arrivals.length < leastPackets) return null;
  const hull: number[] = [];
  const at = (index: number): number => arrivals[index] ?? 0;
  const slope = (from: number, to: number): number => (at(to) - at(from)) / (to - from);
  for (const index of arrivals.keys()) {
    for (;;) {
      const [before, last] = [hull.at(-2), hull.at(-1)];
      if (before === undefined || last === undefined) break;
      if (slope(before, last) < slope(last, index)) break;
      hull.pop();
    }
    hull.push(index);
  }
  const middle = latePart * (arrivals.length - 1);
  const end = hull.findIndex((index) => index >= middle);
  const [from, to] = [hull[end - 1] ?? 0, hull[end] ?? 0];
  const spanMicros = Math.max(1, Math.round(1_000 * (at(to) - at(from))));
  const seen = arrivals.filter((each, index) => index > 0 && each - at(index - 1) >= readMs);
  return { spanMicros, spanCount: to - from, seen: seen.length };
}
