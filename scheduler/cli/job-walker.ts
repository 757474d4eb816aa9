// Walks the YAML of a job file along the message descriptor of punnet.v1.JobSpec: every mistake is
// kept with its place, and what is right becomes the message's JSON mapping.
import { ScalarType, type DescField, type DescMessage, type JsonValue } from '@bufbuild/protobuf';
import { isAlias, isMap, isScalar, isSeq, type Pair, type Scalar } from 'yaml';
import { closest } from './did-you-mean.ts';

/** A mistake in a job file; `offset` counts characters from its start. */
export interface Problem {
  readonly offset: number;
  /** As in the message's JSON: `tasks.inputs[2]`. */
  readonly field: string;
  readonly message: string;
}

/** A value, the field that it is for, and where mistakes of it are told. */
interface Spot {
  readonly node: unknown;
  readonly field: string;
  readonly offset: number;
}

/** One walk over one document. */
export class JobWalker {
  readonly problems: Problem[] = [];
  /** Where each field is. */
  readonly offsets = new Map<string, number>();
  /** Texts at their fields: `sharedInputs[0].file`. */
  readonly texts = new Map<string, string>();
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The JSON of a whole document, as far as it is right. */
  walk(contents: unknown, schema: DescMessage): JsonValue | undefined {
    return this.#message({ node: contents, field: '', offset: startOf(contents) ?? 0 }, schema);
  }

  #message(spot: Spot, schema: DescMessage): JsonValue | undefined {
    const json: Record<string, JsonValue> = {};
    const oneofs = new Map<string, string>();
    for (const pair of this.#pairs(spot, `a mapping with the fields ${namesOf(schema)}`) ?? []) {
      const field = this.#fieldOf(pair, schema, spot.field);
      if (field === undefined) continue;
      const name = spot.field === '' ? field.jsonName : `${spot.field}.${field.jsonName}`;
      const at = spotOf(pair, name);
      this.#checkOneof(spotOf({ key: pair.key, value: pair.key }, name), field, oneofs);
      this.offsets.set(name, at.offset);
      const value = this.#value(at, field);
      if (value !== undefined) json[field.jsonName] = value;
    }
    return json;
  }

  #value(spot: Spot, field: DescField): JsonValue | undefined {
    switch (field.fieldKind) {
      case 'message':
        return this.#message(spot, field.message);
      case 'list':
        return this.#list(spot, field);
      case 'map':
        return this.#map(spot, field);
      case 'scalar':
        return this.#scalar(spot, field.scalar);
      default:
        return this.#wrong(spot, 'a field that this version knows');
    }
  }

  #list(spot: Spot, field: DescField): JsonValue | undefined {
    if (!isSeq(spot.node)) return this.#wrong(spot, 'a list ([a, b])');
    return spot.node.items.flatMap((item, index) => {
      const value = this.#element(
        spotOf({ key: null, value: item }, `${spot.field}[${index}]`),
        field,
      );
      return value === undefined ? [] : [value];
    });
  }

  #map(spot: Spot, field: DescField): JsonValue | undefined {
    const json: Record<string, JsonValue> = {};
    for (const pair of this.#pairs(spot, 'a mapping') ?? []) {
      const name = `${spot.field}["${keyOf(pair)}"]`;
      // A mistake of a bundle is told at the architecture that it is for.
      const offset = startOf(pair.key) ?? spot.offset;
      const value = this.#element({ ...spotOf(pair, name), offset }, field);
      if (value !== undefined) json[keyOf(pair)] = value;
    }
    return json;
  }

  #element(spot: Spot, field: DescField): JsonValue | undefined {
    if (field.fieldKind !== 'list' && field.fieldKind !== 'map') return undefined;
    this.offsets.set(spot.field, spot.offset);
    if (field.message !== undefined) return this.#message(spot, field.message);
    return field.scalar === undefined ? undefined : this.#scalar(spot, field.scalar);
  }

  #scalar(spot: Spot, type: ScalarType): JsonValue | undefined {
    const { node } = spot;
    const wanted = scalarWanted(type);
    if (!isScalar(node) || node.value === null) return this.#wrong(spot, wanted);
    if (type === ScalarType.STRING) {
      const text = asWritten(node);
      this.texts.set(spot.field, text);
      return text;
    }
    const { value } = node;
    if (type === ScalarType.BOOL && typeof value === 'boolean') return value;
    if (type === ScalarType.BOOL || typeof value !== 'number') return this.#wrong(spot, wanted);
    if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT) return value;
    if (!Number.isInteger(value)) return this.#wrong(spot, wanted);
    const { least, most } = wholeRange(type);
    if (value < least) return this.#wrong(spot, `${wanted}, ${least} or more`);
    return value <= most ? value : this.#wrong(spot, `${wanted}, at most ${most}`);
  }

  /** The pairs of a mapping; a key that is there twice is a mistake, and counts once. */
  #pairs(spot: Spot, wanted: string): readonly Pair[] | undefined {
    if (!isMap(spot.node)) return this.#wrong(spot, wanted);
    const seen = new Set<string>();
    return spot.node.items.filter((pair) => {
      const key = keyOf(pair);
      if (!seen.has(key)) return seen.add(key);
      const field = spot.field === '' ? key : `${spot.field}.${key}`;
      const offset = startOf(pair.key) ?? spot.offset;
      this.#tell({ node: pair, field, offset }, 'this key is there twice: keep one of them');
      return false;
    });
  }

  #fieldOf(pair: Pair, schema: DescMessage, parent: string): DescField | undefined {
    const key = keyOf(pair);
    const field = schema.fields.find((each) => each.jsonName === key || each.name === key);
    if (field !== undefined) return field;
    const names = schema.fields.map((each) => each.jsonName);
    const meant = closest(key, names);
    const help =
      meant === undefined ? `wanted one of ${namesOf(schema)}` : `did you mean ${meant}?`;
    const name = parent === '' ? key : `${parent}.${key}`;
    this.#tell(
      { node: pair, field: name, offset: startOf(pair.key) ?? 0 },
      `unknown field, ${help}`,
    );
    return undefined;
  }

  #checkOneof(key: Spot, field: DescField, taken: Map<string, string>): void {
    const group = field.oneof?.name;
    if (group === undefined) return;
    const other = taken.get(group);
    taken.set(group, field.jsonName);
    if (other === undefined) return;
    this.#tell(key, `wanted either ${other} or ${field.jsonName}, found both`);
  }

  #wrong(spot: Spot, wanted: string): undefined {
    const { node } = spot;
    if (isAlias(node)) {
      const quoted = `"*${node.source}"`;
      const message = `found an alias: write its value, or put a text in quotes: ${quoted}`;
      this.#tell(spot, message);
    } else if (isMap(node) && node.flow === true && wanted === scalarWanted(ScalarType.STRING)) {
      // `{input}` is a mapping in YAML.
      const [start, end] = node.range ?? [0, 0];
      const quoted = JSON.stringify(this.#text.slice(start, end));
      this.#tell(spot, `wanted ${wanted}, found a mapping: put the text in quotes: ${quoted}`);
    } else this.#tell(spot, `wanted ${wanted}, found ${describe(node)}`);
  }

  #tell(spot: Spot, message: string): void {
    this.problems.push({ offset: spot.offset, field: spot.field, message });
  }
}

/** A value's spot; an empty value is told at its key. */
function spotOf(pair: { readonly key: unknown; readonly value: unknown }, field: string): Spot {
  return { node: pair.value, field, offset: startOf(pair.value) ?? startOf(pair.key) ?? 0 };
}

/** `name: 5` and `memory: 64` mean the texts: what is wrong with one is told as a text. */
function asWritten(node: Scalar): string {
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
}

function scalarWanted(type: ScalarType): string {
  if (type === ScalarType.STRING) return 'text';
  if (type === ScalarType.BOOL) return 'true or false';
  return type === ScalarType.DOUBLE ? 'a number' : 'a whole number';
}

/** What the type holds; what the field takes of that is the scheduler's to say. */
function wholeRange(type: ScalarType): { readonly least: number; readonly most: number } {
  if (type === ScalarType.UINT32) return { least: 0, most: 2 ** 32 - 1 };
  if (type === ScalarType.INT32) return { least: -(2 ** 31), most: 2 ** 31 - 1 };
  return { least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER };
}

function namesOf(schema: DescMessage): string {
  return schema.fields.map((field) => field.jsonName).join(', ');
}

function describe(node: unknown): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  const text = asWritten(node);
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return typeof node.value === 'string' ? JSON.stringify(short) : short;
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? asWritten(pair.key) : String(pair.key);
}

function startOf(node: unknown): number | undefined {
  const hasRange = typeof node === 'object' && node !== null && 'range' in node;
  const start: unknown = hasRange && Array.isArray(node.range) ? node.range[0] : undefined;
  return typeof start === 'number' ? start : undefined;
}
