// What every command shares: the process, the chosen output, and a connection that is closed.
import type { Command } from 'commander';
import type { JsonValue } from '@bufbuild/protobuf';
import { Connection } from './connection.ts';
import { findContext } from './context.ts';
import type { Codec } from './descriptors.ts';
import type { CliIo } from './io.ts';
import { json } from './print.ts';

/** A message of the contract: its name in punnet.v1, and its codec. */
export interface Kind<T> {
  readonly name: string;
  readonly codec: Codec<T>;
}

/** One run of the program. Commands set `exitCode` when it is not 0. */
export class Session {
  readonly io: CliIo;
  readonly #program: Command;
  exitCode = 0;

  constructor(io: CliIo, program: Command) {
    this.io = io;
    this.#program = program;
  }

  get isJson(): boolean {
    return this.#program.opts()['output'] === 'json';
  }

  /** The value of --context. */
  get contextOption(): string | undefined {
    const value: unknown = this.#program.opts()['context'];
    return typeof value === 'string' ? value : undefined;
  }

  /** Runs `work` with a connection of the chosen context. */
  async connected(work: (connection: Connection) => Promise<void>): Promise<void> {
    const connection = new Connection(await findContext(this.io.env, this.contextOption));
    try {
      await work(connection);
    } finally {
      connection.close();
    }
  }

  /** Prints a message as JSON, or what `text` makes of it. */
  async show<T>(kind: Kind<T>, message: T, text: () => string): Promise<void> {
    if (!this.isJson) return this.io.out(text());
    // Loaded when it is wanted only: it is a large part of a command's start.
    const { messageToJson } = await import('./descriptors.ts');
    this.io.out(json(messageToJson(kind.name, kind.codec, message)));
  }

  /** Prints plain JSON, or what `text` makes. */
  showValue(value: JsonValue, text: () => string): void {
    this.io.out(this.isJson ? json(value) : text());
  }
}
