// The rows of one table of a status: values by the name of their column, as the table's header has
// them, so that columns which another version of OpenVPN adds or leaves out do not shift any.

import { countIn } from './plain-text.ts';
import { malformed, quoted } from './status-error.ts';

export class Table {
  readonly #names: readonly string[];
  readonly #separator: string;
  readonly #nameAt: number;
  #values: readonly string[] = [];
  #line = 0;

  constructor(names: readonly string[], separator: string) {
    this.#names = names;
    this.#separator = separator;
    this.#nameAt = names.indexOf('Common Name');
  }

  /** Where a column is in each row. Throws when it is not there and has to be. */
  place(field: string, line: number): number {
    const at = this.#names.indexOf(field);
    if (at < 0) {
      throw malformed({ line, field, wanted: 'a column of that name', found: 'none' });
    }
    return at;
  }

  /** -1: this server does not tell it. */
  placeIfAny(field: string): number {
    return this.#names.indexOf(field);
  }

  /** Turns to a row. In formats 1 and 2 nothing tells a comma in a value from one between values: those
   * that are too many are taken for parts of the common name. */
  enter(values: readonly string[], line: number): void {
    this.#line = line;
    const extra = values.length - this.#names.length;
    this.#values = extra === 0 ? values : this.#joined(values, extra);
  }

  #joined(values: readonly string[], extra: number): readonly string[] {
    const at = this.#nameAt;
    if (extra < 0 || at < 0 || this.#separator !== ',') {
      const wanted = `${this.#names.length} values, as its header has`;
      throw malformed({ line: this.#line, wanted, found: String(values.length) });
    }
    const name = values.slice(at, at + extra + 1).join(this.#separator);
    return [...values.slice(0, at), name, ...values.slice(at + extra + 1)];
  }

  /** Empty when there is no such column. */
  text(at: number): string {
    return at < 0 ? '' : (this.#values[at] ?? '');
  }

  /** null: there is no such column, or it is empty. */
  textOrNull(at: number): string | null {
    const text = this.text(at);
    return text === '' ? null : text;
  }

  count(at: number): number {
    const count = countIn(this.text(at));
    if (!Number.isNaN(count)) return count;
    throw this.flaw(at, 'a whole number');
  }

  countOrNull(at: number): number | null {
    return this.text(at) === '' ? null : this.count(at);
  }

  /** Of a column with seconds since the epoch. */
  msOrNull(at: number): number | null {
    const seconds = this.countOrNull(at);
    return seconds === null ? null : seconds * 1000;
  }

  flaw(at: number, wanted: string): Error {
    const field = this.#names[at] ?? '';
    return malformed({ line: this.#line, field, wanted, found: quoted(this.text(at)) });
  }
}
