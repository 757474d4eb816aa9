// Cuts what a nats-server sends into messages and lines: the part of NATS's client protocol that a
// subscriber hears. https://docs.nats.io/reference/reference-protocols/nats-protocol

export interface Heard {
  /** The bytes are valid for ever; they share memory with others of their burst. */
  readonly message: (subject: string, bytes: Buffer) => void;
  /** INFO, PING, PONG, +OK, or -ERR with its reason. */
  readonly line: (text: string) => void;
}

const lineEnd = 0x0a;

export class ProtocolReader {
  readonly #heard: Heard;
  /** What is not whole yet. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(heard: Heard) {
    this.#heard = heard;
  }

  take(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    for (let next = this.#one(all, at); next > at; next = this.#one(all, at)) at = next;
    this.#rest = all.subarray(at);
  }

  /** Hands on what begins here; returns where it ends, or where it begins when it is not whole. */
  #one(all: Buffer, at: number): number {
    const end = all.indexOf(lineEnd, at);
    if (end < 0) return at;
    const line = all.toString('latin1', at, end).trimEnd();
    // MSG <subject> <subscription> [<reply to>] <bytes>
    const size = line.startsWith('MSG ') ? Number(line.slice(line.lastIndexOf(' ') + 1)) : NaN;
    if (!(size >= 0)) {
      this.#heard.line(line);
      return end + 1;
    }
    const from = end + 1;
    const next = from + size + 2;
    if (all.length < next) return at;
    this.#heard.message(line.slice(4, line.indexOf(' ', 4)), all.subarray(from, from + size));
    return next;
  }
}
