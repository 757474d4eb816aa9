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
  readonly sequence: number;
  /** Packets of the train. */
  readonly count: number;
  /** Of `down`: any number. Of `heard`: all that came, by exclusive or: who answers before it has them cannot know it. */
  readonly word: number;
  /** Of `heard`: how long the later part of the train took, µs, 0 if too little came, … */
  readonly spanMicros: number;
  /** … and packets after the first of that part. */
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

/**
 * Of packets that came at these times, ms: what they took after the first 30 %, which the buffers on the way let through at once. It
 * is the median of what half of that took: a busy machine sees some packets late, and none early. Null: too few to tell.
 */
export function laterSpan(
  arrivals: readonly number[],
): { readonly spanMicros: number; readonly spanCount: number } | null {
  const later = arrivals.slice(Math.floor(arrivals.length * 0.3));
  const spanCount = later.length - 1;
  const half = Math.floor(later.length / 2);
  if (spanCount < 3) return null;
  const spans = later.slice(half).map((at, index) => at - (later[index] ?? at));
  spans.sort((a, b) => a - b);
  const median = spans[Math.floor(spans.length / 2)] ?? 0;
  const spanMicros = Math.round((median * 1000 * spanCount) / half);
  return spanMicros > 0 ? { spanMicros, spanCount } : null;
}
