// The form in which state leaves and enters the core: a small document of plain JSON values, and
// large columns of numbers. Whoever stores it needs to know nothing about what is in it.

export type Column = Uint8Array | Int32Array | Uint32Array | Float32Array | Float64Array;

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface StateImage {
  readonly version: number;
  readonly document: Json;
  /** Copies: nobody else changes them, so their buffers may be transferred to a worker. */
  readonly columns: Readonly<Record<string, Column>>;
}
