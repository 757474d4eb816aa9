// Reads a job file: YAML that is the JSON mapping of punnet.v1.JobSpec. The message descriptor is
// the schema; every mistake is collected with its line and column. It does not look at other files.
import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import type { JsonValue } from '@bufbuild/protobuf';
import { LineCounter, parseDocument, Parser, type CST, type YAMLError } from 'yaml';
import { JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import { badInput, type FieldViolation } from './errors.ts';
import { descriptor, messageFromJson } from './descriptors.ts';
import { JobWalker, type Problem } from './job-walker.ts';
import { noSuchFile } from './near-names.ts';

// A job of a million tasks names them by a glob or a count, not one by one.
const fileMaxBytes = 1_000_000;
// A JobSpec has four levels. The YAML library recurses, and a bomb of brackets would end us.
const depthMax = 32;

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

/** Reads a job file from the disk. Throws a CliError when it is no text file of a fitting size. */
export async function readJobFile(file: string): Promise<JobFile> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw badInput(`${file}: ${await noSuchFile(file)}`);
  if (!found.isFile()) throw badInput(`${file}: wanted a job file, found a folder or a device`);
  if (found.size > fileMaxBytes) {
    const size = `${found.size} bytes`;
    const message = `wanted a job file of at most ${fileMaxBytes} bytes, found ${size}: name inputs by globs`;
    throw badInput(`${file}: ${message}`);
  }
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw badInput(`${file}: cannot read this job file: ${String(cause)}`, cause);
  });
  return parseJobFile(file, bytes);
}

/** Parses the bytes of a job file; `name` is what messages call it. */
export function parseJobFile(name: string, bytes: Uint8Array): JobFile {
  const text = new TextDecoder().decode(bytes);
  const lines = linesOf(text);
  const walker = new JobWalker(text);
  const isText = isUtf8(bytes) && !text.includes('\0');
  const flaw = isText ? findBomb(text) : notText(text);
  const json = flaw === undefined ? walkText(text, walker) : undefined;
  const problems = flaw === undefined ? walker.problems : [flaw];
  const isGood = problems.length === 0 && json !== undefined;
  return {
    spec: isGood ? messageFromJson('JobSpec', JobSpec, json) : undefined,
    problems,
    texts: walker.texts,
    offsetOf: (field) => nearest(walker.offsets, field),
    tell: (some) => tell(name, lines, some),
  };
}

function walkText(text: string, walker: JobWalker): JsonValue | undefined {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: false });
  // What follows a flaw in the syntax is mostly its echo.
  const [first] = [...document.errors, ...document.warnings];
  if (first === undefined) return walker.walk(document.contents, descriptor('JobSpec'));
  walker.problems.push(syntaxProblem(first));
  return undefined;
}

/** What the scheduler refused, as problems of the file. */
export function problemsOf(file: JobFile, violations: readonly FieldViolation[]): Problem[] {
  return violations.map(({ field, description }) => {
    const inFile = field.replace(/^spec\.?/, '');
    return { offset: file.offsetOf(inFile), field: inFile, message: description };
  });
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

const plainWords: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'found a tab in the indentation, wanted spaces',
  MULTIPLE_DOCS: 'wanted one job, found a second document (---)',
  BLOCK_AS_IMPLICIT_KEY:
    'wanted one value: is the indentation right? A text that contains ": " needs quotes',
  UNEXPECTED_TOKEN: 'wanted the end of the value: a text that contains { or [ needs quotes',
};

function syntaxProblem({ code, message, pos }: YAMLError): Problem {
  const words = plainWords[code] ?? message;
  return { offset: pos[0], field: '', message: `not valid YAML: ${words}` };
}

function notText(text: string): Problem {
  const message =
    'wanted text in UTF-8, found other bytes: is it another file, or an old encoding?';
  return { offset: text.search(/\uFFFD|\0/), field: '', message };
}

function findBomb(text: string): Problem | undefined {
  const rest: { readonly token: CST.Token; readonly depth: number }[] = [];
  for (const token of new Parser().parse(text)) rest.push({ token, depth: 0 });
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { token, depth } = next;
    if (depth > depthMax) {
      const message = `wanted a job, found values nested more than ${depthMax} deep`;
      return { offset: 'offset' in token ? token.offset : 0, field: '', message };
    }
    const items = 'items' in token ? token.items : [];
    const inside = items.flatMap(({ key, value }) => [key, value]);
    if (token.type === 'document') inside.push(token.value);
    for (const each of inside) {
      if (each !== undefined && each !== null) rest.push({ token: each, depth: depth + 1 });
    }
  }
  return undefined;
}

function linesOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lines.addNewLine(index + 1);
  return lines;
}

function nearest(offsets: ReadonlyMap<string, number>, field: string): number {
  let path = field;
  while (path !== '') {
    const offset = offsets.get(path);
    if (offset !== undefined) return offset;
    // Takes the last step off: ".name", "[3]" or '["key"]'.
    const shorter = path.replace(/(\.[^.[\]"]+|\["[^"]*"\]|\[\d+\])$/, '');
    path = shorter === path ? '' : shorter;
  }
  return 0;
}
