// Reads scenario files: YAML with a schema. Every mistake is told with its line and field.

import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { z } from 'zod';
import { releaseSchema } from './release-schema.ts';
import type { ReleaseScenario } from './release-schema.ts';
import { scenarioSchema } from './schema.ts';
import type { Scenario } from './schema.ts';
import { wantedText } from './wanted.ts';

/** A file or an argument is wrong: whoever ran the command is told, without a stack. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

const folder = join(import.meta.dirname, '../scenarios');

/** Those that come with the project, in the order of their names. */
export function scenarioNames(): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/** By its name, or a file of one's own; "lcg=FILE" names the log of its jobs, too. */
export function readScenario(text: string): Scenario {
  const { scenario, log: logFile } = partsOf(text);
  if (bringsRelease(scenario)) {
    const what = 'brings a release, and has no jobs for policies to place';
    throw new InputError(`The scenario ${scenario} ${what}: use \`run ${scenario}\`.`);
  }
  const file = fileOf(scenario);
  const parsed = parseScenario(file, read(file));
  if (logFile === undefined) return parsed;
  const { log } = parsed;
  if (log !== undefined) return { ...parsed, log: { ...log, swf: resolve(logFile) } };
  throw new InputError(`The scenario ${scenario} has jobs of its own, and no log: "${text}".`);
}

/** Whether it has a release instead of jobs. */
export function bringsRelease(text: string): boolean {
  return /^release:/m.test(scenarioText(text));
}

/** One that brings a release, by its name or a file of one's own. */
export function readRelease(text: string): ReleaseScenario {
  const file = fileOf(text);
  return { name: nameOf(file), ...parse(releaseSchema, file, read(file)) };
}

/** What it says of itself. */
export function aboutScenario(name: string): string {
  return (bringsRelease(name) ? readRelease(name) : readScenario(name)).about;
}

/** As it is in its file. */
export function scenarioText(text: string): string {
  return read(fileOf(partsOf(text).scenario));
}

function partsOf(text: string): { readonly scenario: string; readonly log?: string } {
  const [, scenario = text, log] = /^([a-z0-9-]+|.*\.ya?ml)=(.+)$/.exec(text) ?? [];
  return log === undefined ? { scenario } : { scenario, log };
}

function fileOf(nameOrFile: string): string {
  const isFile = /\.ya?ml$/.test(nameOrFile);
  if (!isFile && !scenarioNames().includes(nameOrFile)) {
    const known = scenarioNames().join(', ');
    throw new InputError(
      `There is no scenario "${nameOrFile}": name one of ${known}, or a file that ends in .yaml.`,
    );
  }
  return isFile ? nameOrFile : join(folder, `${nameOrFile}.yaml`);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new InputError(`${file}: cannot read this scenario: ${String(cause)}`, { cause });
  }
}

export function parseScenario(file: string, text: string): Scenario {
  const { log, ...others } = parse(scenarioSchema, file, text);
  const name = nameOf(file);
  if (log === undefined) return { name, ...others };
  return { name, ...others, log: { ...log, swf: resolve(dirname(file), log.swf) } };
}

function nameOf(file: string): string {
  return basename(file).replace(/\.ya?ml$/, '');
}

function parse<Parsed>(schema: z.ZodType<Parsed>, file: string, text: string): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [flaw] = [...document.errors, ...document.warnings];
  if (flaw !== undefined) {
    const { line } = lines.linePos(flaw.pos[0]);
    throw new InputError(`${file}:${line}: ${flawTexts[flaw.code] ?? flaw.message}`);
  }
  const parsed = schema.safeParse(valuesOf(file, document), { reportInput: true });
  if (parsed.success) return parsed.data;
  const told = parsed.error.issues.map((issue) => {
    const path = pathOf(issue);
    const { line } = lines.linePos(offsetOf(document, path));
    return `${file}:${line}: ${fieldOf(path)}${wantedText(issue)}`;
  });
  throw new InputError(told.join('\n'));
}

/** Where the YAML library speaks to those who call it. */
const flawTexts: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'wanted one scenario, and another document begins here (---)',
};

/** A name that stands for other values may stand for none. */
function valuesOf(file: string, document: Document): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    throw new InputError(`${file}: cannot read this scenario: ${String(cause)}`, { cause });
  }
}

type Path = readonly PropertyKey[];

/** A field that is not known is told at its own place. */
function pathOf(issue: z.core.$ZodIssue): Path {
  if (issue.code === 'unrecognized_keys') return [...issue.path, issue.keys[0] ?? ''];
  return issue.path;
}

function fieldOf(path: Path): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
  return text.length === 0 ? '' : `${text.join('').slice(1)}: `;
}

/** Of the field's name, or of the nearest thing around it. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const last = path[length - 1];
    const around = document.getIn(path.slice(0, length - 1), true);
    if (isMap(around)) {
      const pair = around.items.find(({ key }) => isScalar(key) && key.value === last);
      if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0;
    }
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node.range?.[0] ?? 0;
  }
  return 0;
}
