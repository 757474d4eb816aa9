// Reads a job file: YAML that is the JSON mapping of punnet.v1.JobSpec. The message descriptor is
// the schema; every mistake is collected with its line and column. It does not touch other files.
import { ScalarType, type DescField, type DescMessage, type JsonValue } from '@bufbuild/protobuf';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, Pair, YAMLMap } from 'yaml';
import { JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import { badInput } from './errors.ts';
import { descriptor, messageFromJson } from './descriptors.ts';
import { closest } from './did-you-mean.ts';

/** A mistake in a job file; `offset` counts characters from its start. */
export interface Problem {
  readonly offset: number;
  readonly field: string;
  readonly message: string;
}

/** A job file that was read. `spec` is unset when there are problems. */
export interface JobFile {
  readonly spec: JobSpec | undefined;
  readonly problems: readonly Problem[];
  /** Strings at their fields, as far as they could be read: `sharedInputs[0].file`. */
  readonly texts: ReadonlyMap<string, string>;
  /** The place of a field, or of the nearest field around it. */
  readonly offsetOf: (field: string) => number;
  /** `job.yaml:7:12: tasks.count: …`, one line a problem, in the order of the file. */
  readonly tell: (problems: readonly Problem[]) => string;
}

/** Parses the text of a job file; `name` is what messages call it. */
export function parseJobFile(name: string, text: string): JobFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const walker = new Walker(document);
  for (const error of document.errors) {
    walker.problems.push({ offset: error.pos[0], field: '', message: yamlMessage(error) });
  }
  let json: JsonValue | undefined;
  if (document.errors.every((error) => error.code === 'DUPLICATE_KEY')) {
    json = walker.message(document.contents, descriptor('JobSpec'), '');
  }
  const isGood = walker.problems.length === 0 && json !== undefined;
  return {
    spec: isGood && json !== undefined ? messageFromJson('JobSpec', JobSpec, json) : undefined,
    problems: walker.problems,
    texts: walker.texts,
    offsetOf: (field) => nearest(walker.offsets, field),
    tell: (problems) => tell(name, lines, problems),
  };
}

/** Throws a CliError that tells all problems, if there are any. */
export function refuseProblems(file: JobFile, more: readonly Problem[] = []): void {
  const problems = [...file.problems, ...more];
  if (problems.length > 0) throw badInput(file.tell(problems));
}

function tell(name: string, lines: LineCounter, problems: readonly Problem[]): string {
  return [...problems]
    .sort((a, b) => a.offset - b.offset)
    .map((problem) => {
      const { line, col } = lines.linePos(problem.offset);
      const field = problem.field === '' ? '' : `${problem.field}: `;
      return `${name}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${field}${problem.message}`;
    })
    .join('\n');
}

function yamlMessage(error: { readonly code: string; readonly message: string }): string {
  if (error.code === 'DUPLICATE_KEY') return 'this key is there twice: keep one of them';
  return `not valid YAML: ${error.message}`;
}

function nearest(offsets: ReadonlyMap<string, number>, field: string): number {
  let path = field.replace(/^spec\./, '');
  while (path !== '') {
    const offset = offsets.get(path);
    if (offset !== undefined) return offset;
    // Takes the last step off: ".name", "[3]" or '["key"]'.
    const shorter = path.replace(/(\.[^.[\]"]+|\["[^"]*"\]|\[\d+\])$/, '');
    path = shorter === path ? '' : shorter;
  }
  return 0;
}

/** Walks YAML along a message descriptor; gathers problems, places and JSON. */
class Walker {
  readonly problems: Problem[] = [];
  readonly offsets = new Map<string, number>();
  readonly texts = new Map<string, string>();
  readonly #document: Document;

  constructor(document: Document) {
    this.#document = document;
  }

  message(found: unknown, schema: DescMessage, path: string): JsonValue | undefined {
    const node = this.#resolve(found);
    if (!isMap(node)) return this.#wrong(found, path, `a mapping with ${fieldNames(schema)}`);
    const json: Record<string, JsonValue> = {};
    const taken = new Map<string, string>();
    for (const pair of node.items) {
      const field = this.#fieldOf(pair, schema, path);
      if (field === undefined) continue;
      const name = field.jsonName;
      const at = path === '' ? name : `${path}.${name}`;
      this.#checkOneof(pair, field, taken, at);
      const value = this.#field(pair.value ?? pair.key, pair.value === null, field, at);
      if (value !== undefined) json[name] = value;
    }
    return json;
  }

  #field(found: unknown, isEmpty: boolean, field: DescField, at: string): JsonValue | undefined {
    this.offsets.set(at, startOf(found));
    if (isEmpty) return this.#wrong(null, at, wantedOf(field), startOf(found));
    switch (field.fieldKind) {
      case 'message':
        return this.message(found, field.message, at);
      case 'list':
        return this.#list(found, field, at);
      case 'map':
        return this.#map(found, field, at);
      case 'scalar':
        return this.#scalar(found, field.scalar, at);
      default:
        return this.#wrong(found, at, 'a field that this version knows');
    }
  }

  #list(found: unknown, field: DescField, at: string): JsonValue | undefined {
    const node = this.#resolve(found);
    if (!isSeq(node)) return this.#wrong(found, at, 'a list');
    const items: JsonValue[] = [];
    for (const [index, item] of node.items.entries()) {
      const path = `${at}[${index}]`;
      this.offsets.set(path, startOf(item));
      const value = this.#element(item, field, path);
      if (value !== undefined) items.push(value);
    }
    return items;
  }

  #map(found: unknown, field: DescField, at: string): JsonValue | undefined {
    const node = this.#resolve(found);
    if (!isMap(node)) return this.#wrong(found, at, 'a mapping');
    const json: Record<string, JsonValue> = {};
    for (const pair of node.items) {
      const key = keyOf(pair);
      const path = `${at}["${key}"]`;
      this.offsets.set(path, startOf(pair.key));
      const value = this.#element(pair.value, field, path, startOf(pair.key));
      if (value !== undefined) json[key] = value;
    }
    return json;
  }

  #element(item: unknown, field: DescField, path: string, offset?: number): JsonValue | undefined {
    if (field.fieldKind !== 'list' && field.fieldKind !== 'map') return undefined;
    if (item === null) return this.#wrong(item, path, 'a value', offset);
    if (field.message !== undefined) return this.message(item, field.message, path);
    if (field.scalar !== undefined) return this.#scalar(item, field.scalar, path);
    return undefined;
  }

  #scalar(found: unknown, type: ScalarType, at: string): JsonValue | undefined {
    const node = this.#resolve(found);
    const value: unknown = isScalar(node) ? node.value : undefined;
    const wanted = scalarWanted(type);
    if (!isScalar(node)) return this.#wrong(found, at, wanted);
    if (type === ScalarType.STRING) {
      if (typeof value !== 'string') return this.#wrong(found, at, textWanted(node.source));
      this.texts.set(at, value);
      return value;
    }
    if (type === ScalarType.BOOL) {
      return typeof value === 'boolean' ? value : this.#wrong(found, at, wanted);
    }
    if (typeof value !== 'number') return this.#wrong(found, at, wanted);
    if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT) return value;
    const max = type === ScalarType.UINT32 ? 0xffff_ffff : Number.MAX_SAFE_INTEGER;
    const isWhole = Number.isInteger(value) && value >= 0 && value <= max;
    return isWhole ? value : this.#wrong(found, at, wanted);
  }

  #fieldOf(pair: Pair, schema: DescMessage, path: string): DescField | undefined {
    const key = keyOf(pair);
    const field = schema.fields.find((f) => f.jsonName === key || f.name === key);
    if (field !== undefined) return field;
    const names = schema.fields.map((f) => f.jsonName);
    const meant = closest(key, names);
    const help = meant === undefined ? `wanted ${fieldNames(schema)}` : `did you mean ${meant}?`;
    const at = path === '' ? key : `${path}.${key}`;
    this.problems.push({
      offset: startOf(pair.key),
      field: at,
      message: `unknown field, ${help}`,
    });
    return undefined;
  }

  #checkOneof(pair: Pair, field: DescField, taken: Map<string, string>, at: string): void {
    const group = field.oneof?.name;
    if (group === undefined) return;
    const other = taken.get(group);
    taken.set(group, field.jsonName);
    if (other === undefined || other === field.jsonName) return;
    const message = `wanted either ${other} or ${field.jsonName}, found both`;
    this.problems.push({ offset: startOf(pair.key), field: at, message });
  }

  #wrong(found: unknown, field: string, wanted: string, offset = startOf(found)): undefined {
    const message = `wanted ${wanted}, found ${describe(this.#resolve(found))}`;
    this.problems.push({ offset, field, message });
  }

  #resolve(found: unknown): unknown {
    return isAlias(found) ? found.resolve(this.#document) : found;
  }
}

function wantedOf(field: DescField): string {
  if (field.fieldKind === 'list') return 'a list';
  if (field.fieldKind === 'map') return 'a mapping';
  return field.fieldKind === 'scalar' ? scalarWanted(field.scalar) : 'a mapping';
}

function scalarWanted(type: ScalarType): string {
  if (type === ScalarType.STRING) return 'text';
  if (type === ScalarType.BOOL) return 'true or false';
  return type === ScalarType.DOUBLE ? 'a number' : 'a whole number';
}

function textWanted(source: string | undefined): string {
  return source === undefined || source === '' ? 'text' : `text (in quotes: "${source}")`;
}

function fieldNames(schema: DescMessage): string {
  return `the fields ${schema.fields.map((field) => field.jsonName).join(', ')}`;
}

function describe(node: unknown): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  return typeof node.value === 'string' ? JSON.stringify(node.value) : String(node.value);
}

function keyOf(pair: YAMLMap['items'][number]): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function startOf(node: unknown): number {
  return isNodeWithRange(node) ? node.range[0] : 0;
}

function isNodeWithRange(node: unknown): node is Node & { range: [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}
