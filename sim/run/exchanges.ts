// Programs that the nodes of a site share. Who brings which chunks over the line is arranged by the scheduler's own core, as for agents; what
// nodes do with them is a flow over the line, and then a span of time: chunks are at all who take part as soon as ports can carry them there.
// Peers, bitmaps and requests between nodes are not simulated here; `sim/distribution` does that, and a test holds the two together.

import type { Bitmap } from '../../proto/bitmap.ts';
import { countChunks, emptyBitmap, setChunk } from '../../proto/bitmap.ts';
import { fixedChunkBytes, fixedChunkCount, fixedChunkSpan } from '../../proto/chunks.ts';
import type { Effect, Sha256 } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import { programOf } from '../world/services.ts';
import type { Attempts } from './attempts.ts';
import type { Board } from './board.ts';
import type { Checks } from './checks.ts';
import { programHash, programIn } from './job-template.ts';
import type { Messages } from './messages.ts';
import { numberOf } from './messages.ts';
import type { Transfers } from './transfers.ts';

/** Of a board's port, and from asking for a chunk to its first byte, as `punnet sim release` has them. */
export const lanBps = 90e6;
const requestMs = 10;
/** Chunks that a node would bring at a time: the scheduler leases up to 32, twice. */
const roomMost = 64;

export interface ExchangesOptions {
  readonly world: World;
  readonly transfers: Transfers;
  readonly checks: Checks;
  readonly attempts: Attempts;
  readonly messages: Messages;
  /** Asks for `copied` with this number then. */
  readonly copiedAt: (atMs: number, call: number) => void;
  /** The node has all of the job's program. */
  readonly onWhole: (node: number, job: number, now: number) => void;
}

interface Member {
  readonly board: Board;
  /** Chunks that are here, or on their way over the LAN until `readyMs`. */
  readonly held: Bitmap;
  readyMs: number;
  isWhole: boolean;
  /** It has told of the program since it was switched on: peers may have it from here. */
  isTold: boolean;
  /** What it brings, in chunks. */
  bringing: number;
}

/** One job's program at one site. */
interface Program {
  readonly job: number;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly chunks: number;
  readonly members: Map<number, Member>;
}

interface Batch {
  readonly program: Program;
  readonly member: Member;
  readonly chunks: readonly number[];
  readonly bytes: number;
  /** When its first byte was asked for; 0: the node still brings another one. */
  fromMs: number;
}

export class Exchanges {
  readonly #options: ExchangesOptions;
  /** By site and job. */
  readonly #programs = new Map<number, Map<number, Program>>();
  readonly #batches = new Map<number, Batch>();
  #lastBatch = 0;
  readonly #copies: { readonly program: Program; readonly member: Member }[] = [];

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** The node needs the program, and asks for it. */
  join(board: Board, job: number, now: number): void {
    const program = this.#programAt(board.node.site, job);
    const member = program.members.get(board.number) ?? newMember(board, program);
    program.members.set(board.number, member);
    member.isTold = true;
    for (const other of program.members.values()) {
      if (other.isTold && other !== member) this.#copy(program, member, { from: other, now });
    }
    this.#look(program, member, now);
    this.#say(program, member);
  }

  /** It has the program already: others may have it from there. */
  offer(board: Board, job: number): void {
    const program = this.#programAt(board.node.site, job);
    const member = program.members.get(board.number);
    if (member === undefined || member.isTold) return;
    member.isTold = true;
    this.#say(program, member);
  }

  /** It is to bring these chunks. */
  lease(effect: Extract<Effect, { kind: 'leaseChunks' }>, now: number): void {
    const node = numberOf(effect.nodeId);
    const { site } = this.#options.world.nodes[node] ?? { site: -1 };
    const program = this.#programAt(site, programIn(effect.sha256));
    const member = program.members.get(node);
    // Nobody hears it.
    if (member === undefined || !member.isTold || member.board.isCut) return;
    const chunks = chunksIn(effect.runs);
    const bytes = bytesOf(program, chunks);
    const number = (this.#lastBatch += 1);
    this.#batches.set(number, { program, member, chunks, bytes, fromMs: 0 });
    member.bringing += chunks.length;
    this.#options.checks.transferStarted(site, 'down', -number);
    this.#startNext(member, now);
    if (isAlone(program)) this.#say(program, member);
  }

  /** A node brings one batch of a program after the other. */
  #startNext(member: Member, now: number): void {
    for (const [number, batch] of this.#batches) {
      if (batch.member !== member) continue;
      if (batch.fromMs > 0) return;
      batch.fromMs = now;
      const moved = { lease: -number, direction: 'down', bytes: batch.bytes } as const;
      return this.#options.transfers.start(member.board.number, moved, now);
    }
  }

  /** A batch has come over the line. */
  brought(number: number, now: number): void {
    const batch = this.#end(number, { now, bytes: this.#batches.get(number)?.bytes ?? 0 });
    if (batch === undefined) return;
    this.#startNext(batch.member, now);
    this.#say(batch.program, batch.member);
  }

  /** Its chunks have come over the LAN. */
  copied(call: number, now: number): void {
    const { program, member } = this.#copies[call] ?? {};
    if (program === undefined || member === undefined) return;
    if (member.isWhole || !member.isTold || now < member.readyMs) return;
    member.isWhole = true;
    this.#say(program, member);
    this.#options.onWhole(member.board.number, program.job, now);
  }

  /** What it brings stops there, and it gives nothing; what has come stays on its card. */
  switchOff(board: Board, now: number): void {
    this.cutOff(board, now);
    for (const { members } of this.#programs.get(board.node.site)?.values() ?? []) {
      const member = members.get(board.number);
      if (member !== undefined) member.isTold = false;
    }
  }

  cutOff(board: Board, now: number): void {
    for (const [number, { member }] of this.#batches) {
      if (member.board === board) this.#stop(number, now);
    }
  }

  /** Says again what it has, since that may not have been heard. */
  tell(board: Board): void {
    for (const program of this.#programs.get(board.node.site)?.values() ?? []) {
      const member = program.members.get(board.number);
      if (member?.isTold === true) this.#say(program, member);
    }
  }

  /** The site does not exchange the program: the node takes no part. Returns the job if it waits for it. */
  close({ nodeId, sha256 }: Extract<Effect, { kind: 'exchange' }>): number | null {
    const node = numberOf(nodeId);
    const { site } = this.#options.world.nodes[node] ?? { site: -1 };
    const job = programIn(sha256);
    const member = this.#programAt(site, job).members.get(node);
    if (member === undefined || member.isWhole) return null;
    member.isTold = false;
    return job;
  }

  /** The run is over. */
  stopAll(now: number): void {
    for (const number of this.#batches.keys()) this.#stop(number, now);
  }

  #programAt(site: number, job: number): Program {
    const ofSite = this.#programs.get(site) ?? new Map<number, Program>();
    this.#programs.set(site, ofSite);
    const known = ofSite.get(job);
    if (known !== undefined) return known;
    const sizeBytes = programOf(this.#options.world, job).bundleBytes;
    const shape = { sizeBytes, chunks: fixedChunkCount(sizeBytes) };
    const program = { job, sha256: programHash(job), ...shape, members: new Map() };
    ofSite.set(job, program);
    return program;
  }

  #stop(number: number, now: number): void {
    this.#end(number, { now, bytes: this.#options.transfers.stop(-number, now) });
  }

  /** Whole chunks that came are kept, and go to all who take part. */
  #end(
    number: number,
    { now, bytes }: { readonly now: number; readonly bytes: number },
  ): Batch | undefined {
    const batch = this.#batches.get(number);
    if (batch === undefined) return undefined;
    this.#batches.delete(number);
    const { program, member, chunks, fromMs } = batch;
    const { site } = member.board.node;
    const { checks, attempts } = this.#options;
    checks.transferOver(site, 'down', -number);
    const brought = { site, job: program.job, bytes, fromMs, toMs: now };
    if (bytes > 0) attempts.brought.push(brought);
    member.bringing -= chunks.length;
    const isAll = bytes === batch.bytes;
    const came = isAll ? chunks : wholeOnes(program, chunks, bytes);
    for (const chunk of came) setChunk(member.held, chunk);
    this.#look(program, member, now);
    const steps = Math.ceil(Math.log2(program.members.size));
    const chunkMs = (8000 * fixedChunkBytes(program.sizeBytes)) / lanBps + requestMs;
    for (const other of program.members.values()) {
      if (!other.isTold || other.isWhole || other === member) continue;
      for (const chunk of came) setChunk(other.held, chunk);
      other.readyMs = Math.max(other.readyMs, now + steps * chunkMs);
      this.#look(program, other, now);
    }
    return batch;
  }

  /** What the other has comes over the LAN, as fast as the port takes it. */
  #copy(
    program: Program,
    member: Member,
    { from, now }: { readonly from: Member; readonly now: number },
  ): void {
    const before = countChunks(member.held);
    for (let place = 0; place < member.held.length; place += 1) {
      member.held[place] = (member.held[place] ?? 0) | (from.held[place] ?? 0);
    }
    const chunks = countChunks(member.held) - before;
    if (chunks === 0) return;
    const bytes = Math.min(program.sizeBytes, chunks * fixedChunkBytes(program.sizeBytes));
    const spanMs = requestMs + (8000 * bytes) / lanBps;
    // What the other is still waiting for comes to both.
    member.readyMs = Math.max(member.readyMs, now, from.readyMs) + spanMs;
  }

  #look(program: Program, member: Member, now: number): void {
    if (member.isWhole || countChunks(member.held) < program.chunks) return;
    this.#copies.push({ program, member });
    this.#options.copiedAt(Math.max(now, member.readyMs), this.#copies.length - 1);
  }

  #say(program: Program, member: Member): void {
    const { sha256, sizeBytes, chunks, members } = program;
    const { board, held, isWhole, bringing } = member;
    const lacking = isWhole ? emptyBitmap(0) : lackingIn(members, member, chunks);
    this.#options.messages.part(board.number, {
      ...{ sha256, sizeBytes, held: held.slice(), isWhole, unfound: lacking },
      ...{ hasLeft: false, isForeign: false, bringing: emptyBitmap(0) },
      room: isWhole || board.isCut ? 0 : Math.max(0, roomMost - bringing),
      ...{ address: String(board.number), port: 1 },
    });
  }
}

/** One that is alone asks for the next batch while it brings one, or its line would idle. */
function isAlone({ members }: Program): boolean {
  let count = 0;
  for (const { isWhole } of members.values()) if (!isWhole) count += 1;
  return count === 1;
}

function newMember(board: Board, { chunks }: Program): Member {
  const held = emptyBitmap(chunks);
  return { board, held, readyMs: 0, isWhole: false, isTold: false, bringing: 0 };
}

/** What only nodes have that are off: to be brought once more. */
function lackingIn(members: ReadonlyMap<number, Member>, own: Member, chunks: number): Bitmap {
  const away = [...members.values()].filter(({ isTold }) => !isTold);
  const lacking = emptyBitmap(away.length === 0 ? 0 : chunks);
  for (const { held } of away) {
    for (const [place, byte] of held.entries()) {
      lacking[place] = (lacking[place] ?? 0) | (byte & ~(own.held[place] ?? 0));
    }
  }
  return lacking;
}

function chunksIn(runs: readonly number[]): readonly number[] {
  const chunks: number[] = [];
  for (let place = 0; place < runs.length; place += 2) {
    for (let at = runs[place] ?? 0; at < (runs[place + 1] ?? 0); at += 1) chunks.push(at);
  }
  return chunks;
}

function bytesOf({ sizeBytes }: Program, chunks: readonly number[]): number {
  return chunks.reduce((sum, chunk) => sum + fixedChunkSpan(sizeBytes, chunk).lengthBytes, 0);
}

/** Of chunks that come one after the other. */
function wholeOnes(program: Program, chunks: readonly number[], bytes: number): readonly number[] {
  let left = bytes;
  return chunks.filter((chunk) => (left -= bytesOf(program, [chunk])) >= 0);
}
