// What every command shares: the process, the chosen output, and a connection that is closed.
import type { Command } from 'commander';
import type { JsonValue } from '@bufbuild/protobuf';
import { Connection } from './connection.ts';
import { findContext } from './context.ts';
import type { Codec } from './descriptors.ts';
import { forms, type Form } from './form-names.ts';
import type { CliIo } from './io.ts';

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

  /** The value of --output. */
  get form(): Form {
    const value: unknown = this.#program.opts()['output'];
    return forms.find((form) => form === value) ?? 'table';
  }

  get isJson(): boolean {
    return this.form === 'json';
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

  /** Prints a message in the chosen form, or what `text` makes of it. */
  async show<T>(kind: Kind<T>, message: T, text: () => string): Promise<void> {
    if (this.form === 'table') return this.io.out(text());
    // Loaded when it is wanted only: it is a large part of a command's start.
    const { messageToJson } = await import('./descriptors.ts');
    const { formText } = await import('./forms.ts');
    this.io.out(formText(this.form, messageToJson(kind.name, kind.codec, message)));
  }

  /** Prints a plain value in the chosen form, or what `text` makes. */
  async showValue(value: JsonValue, text: () => string): Promise<void> {
    if (this.form === 'table') return this.io.out(text());
    const { formText } = await import('./forms.ts');
    this.io.out(formText(this.form, value));
  }
}
