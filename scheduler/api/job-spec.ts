// A JobSpec as a researcher wrote it → the template that the core runs. All mistakes are told at
// once, each with its field, what was wanted and what was found.

import type { Bundle as ProtoBundle, InputFile, JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import type { BlobRef as ProtoBlobRef } from '../../proto/gen/punnet/v1/common.ts';
import type { BlobRef, JobTemplate } from '../core/index.ts';
import {
  architectures,
  columnProblem,
  findUnknownPlaceholders,
  isArchitecture,
  isInside,
  placeProblem,
  noTimeoutMs,
  placeholders,
  sha256,
} from '../core/index.ts';
import type { Violation } from './errors.ts';
import type { Unit } from './quantities.ts';
import { checkService } from './service-spec.ts';
import { bytes, formatQuantity, parseQuantity, span, work, wrongQuantity } from './quantities.ts';

const limits = {
  words: 256,
  wordChars: 4_096,
  outputs: 64,
  inputs: 256,
  variables: 64,
  retries: 100,
  priority: 100,
  /** A lease must fit one message of 64 KiB. */
  specChars: 24_000,
} as const;

interface Range {
  readonly unit: Unit;
  readonly otherwise: number;
  readonly least: number;
  readonly most: number;
}

const ranges = {
  timeout: { unit: span, otherwise: 3.6e6, least: 1e3, most: 20 * 8.64e7 },
  memory: { unit: bytes, otherwise: 64e6, least: 1e6, most: 1e12 },
  disk: { unit: bytes, otherwise: 100e6, least: 1e5, most: 1e12 },
  lostAfter: { unit: span, otherwise: 9e5, least: 6e4, most: 8.64e7 },
  // Without a word of it there is none: it must be declared.
  internet: { unit: bytes, otherwise: 0, least: 1e4, most: 1e11 },
} as const;

/** What others call an architecture. */
const otherNames: Readonly<Record<string, string>> = {
  ...{ amd64: 'x86_64', x64: 'x86_64', 'x86-64': 'x86_64', arm64: 'aarch64', armv8: 'aarch64' },
  ...{ armhf: 'armv7l', armv7: 'armv7l', arm: 'armv6l', armel: 'armv6l', armv6: 'armv6l' },
};

export interface CheckedSpec {
  /** Without the tasks' own inputs: these are in the manifest; and without the jobs of `after`,
   * which are looked for by name, and the deadline, which may count from now. */
  readonly template: JobTemplate;
  /** All blobs that the specification names, with the field that names each. */
  readonly blobs: readonly { readonly field: string; readonly blob: BlobRef }[];
}

/**
 * Checks a specification.
 *
 * @param isDraft `file` and `inputs` may still stand where blobs will.
 */
export function checkSpec(
  spec: JobSpec,
  isDraft: boolean,
): { readonly violations: readonly Violation[]; readonly checked: CheckedSpec } {
  const check = new SpecCheck(isDraft);
  const checked = check.run(spec);
  return { violations: check.violations, checked };
}

class SpecCheck {
  readonly violations: Violation[] = [];
  readonly #blobs: { readonly field: string; readonly blob: BlobRef }[] = [];
  readonly #isDraft: boolean;
  #hasInputs = false;
  #isService = false;
  #columns: readonly string[] = [];

  constructor(isDraft: boolean) {
    this.#isDraft = isDraft;
  }

  run(spec: JobSpec): CheckedSpec {
    this.#columns = spec.tasks?.columns ?? [];
    const { service, replicas, violations } = checkService(spec);
    this.violations.push(...violations);
    this.#isService = service !== null;
    const hasCount = this.#isService || (spec.tasks?.count ?? 0) > 0;
    this.#hasInputs = !hasCount && this.#columns.length === 0;
    this.#size(spec);
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(spec.name)) {
      this.#no('name', `wanted 1 to 63 letters, digits, ".", "_" or "-", ${found(spec.name)}`);
    }
    const template: JobTemplate = {
      name: spec.name,
      bundles: this.#bundles(spec),
      command: this.#command(spec.command),
      environment: this.#environment(spec.environment),
      sharedInputs: this.#sharedInputs(spec),
      outputs: this.#outputs(spec.outputs),
      taskCount: service === null ? this.#taskCount(spec) : replicas,
      manifest: this.#manifest(spec),
      ...(this.#columns.length > 0 && { columns: this.#columns }),
      taskInputBytes: [],
      profile: {
        workGhzSeconds: this.#quantity('profile.work', spec.profile?.work ?? '', work),
        outputBytes: this.#quantity('profile.output', spec.profile?.output ?? '', bytes),
      },
      timeoutMs: this.#timeout(spec.timeout),
      memoryBytes: this.#between('memory', spec.memory, ranges.memory),
      diskBytes: this.#between('disk', spec.disk, ranges.disk),
      retries: this.#retries(spec.retries),
      lostAfterMs: this.#between('lostAfter', spec.lostAfter, ranges.lostAfter),
      priority: this.#priority(spec.priority),
      ...(spec.checkpoint && { keepsCheckpoint: true }),
      ...this.#network(spec, service),
      ...(this.#keepsOutputs(spec) && { keepsOutputs: true }),
      after: [],
      deadlineAt: null,
      service,
    };
    this.#room(template);
    return { template, blobs: this.#blobs };
  }

  #network(
    { network, profile }: JobSpec,
    service: JobTemplate['service'],
  ): Pick<JobTemplate, 'network' | 'internetBytes'> {
    if (!['', 'none', 'federation', 'internet'].includes(network)) {
      this.#no('network', `wanted "none", "federation" or "internet", ${found(network)}`);
    }
    const declared = profile?.internet ?? '';
    if (network !== 'internet' && declared !== '') {
      this.#no('profile.internet', 'is for network: internet: leave it out, or ask for that');
    }
    if (network === 'federation') return { network };
    if (network !== 'internet') return {};
    if (service === null) {
      const most = this.#between('profile.internet', declared, ranges.internet);
      return { network, internetBytes: most };
    }
    for (const way of ['down', 'up'] as const) {
      if (service.rates[`${way}Bps`] > 0) continue;
      const description = 'with network: internet wanted what a replica moves, found nothing';
      this.#no(`service.rates.${way}`, description);
    }
    return { network };
  }

  /** They stay where a later job can go to them: at one site, which is so the home of that job. */
  #keepsOutputs({ keepOutputs, site, outputs }: JobSpec): boolean {
    if (!['', 'origin', 'site'].includes(keepOutputs)) {
      this.#no('keepOutputs', `wanted "origin" or "site", ${found(keepOutputs)}`);
    }
    if (keepOutputs !== 'site') return false;
    if (site === '') this.#no('keepOutputs', 'wanted a site beside it: name it in site');
    if (outputs.length === 0) this.#no('keepOutputs', 'wanted outputs beside it, found none');
    return true;
  }

  #timeout(text: string): number {
    return this.#isService ? noTimeoutMs : this.#between('timeout', text, ranges.timeout);
  }

  /** Inputs are copied into the work folder; those of a task are added when its manifest is read. */
  #room({ sharedInputs, diskBytes }: JobTemplate): void {
    const inputBytes = sharedInputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (inputBytes <= diskBytes) return;
    this.#no('disk', `wanted at least ${inputBytes} B, for sharedInputs, found ${diskBytes} B`);
  }

  #no(field: string, description: string): void {
    this.violations.push({ field, description });
  }

  #size(spec: JobSpec): void {
    const texts = [spec.command, Object.entries(spec.environment), spec.outputs];
    if (JSON.stringify([texts, spec.sharedInputs]).length <= limits.specChars) return;
    const what = 'command, environment, outputs and sharedInputs';
    this.#no('', `wanted ${what} of at most ${limits.specChars} characters together`);
  }

  #bundles(spec: JobSpec): JobTemplate['bundles'] {
    const entries = Object.entries(spec.bundles);
    if (entries.length === 0) {
      this.#no('bundles', 'wanted a bundle for one architecture at least, found none');
    }
    const bundles: JobTemplate['bundles'][number][] = [];
    for (const [name, bundle] of entries) {
      const field = `bundles["${name}"]`;
      if (!isArchitecture(name)) {
        const meant = otherNames[name.toLowerCase()];
        const hint = meant === undefined ? '' : `: did you mean ${meant}?`;
        this.#no(field, `wanted one of ${architectures.join(', ')}, found "${name}"${hint}`);
        continue;
      }
      const blob = this.#source(field, bundle);
      bundles.push({ ...blob, architecture: name, isRootFileSystem: bundle.rootFileSystem });
    }
    return bundles;
  }

  #source(field: string, { source }: ProtoBundle | InputFile): BlobRef {
    if (source?.$case === 'blob') return this.#blob(`${field}.blob`, source.value);
    if (source?.$case === 'file' && source.value !== '') {
      if (!this.#isDraft)
        this.#no(`${field}.file`, 'wanted a blob: upload it first, as punnet submit does');
    } else {
      this.#no(field, 'wanted a file (or a blob), found neither');
    }
    return { sha256: sha256(''), sizeBytes: 0 };
  }

  #blob(field: string, blob: ProtoBlobRef): BlobRef {
    const isRight = /^[0-9a-f]{64}$/.test(blob.sha256) && blob.sizeBytes >= 0;
    if (!isRight) this.#no(field, 'wanted a sha256 of 64 hexadecimal digits and a size');
    const ref = { sha256: sha256(blob.sha256), sizeBytes: blob.sizeBytes };
    if (isRight) this.#blobs.push({ field, blob: ref });
    return ref;
  }

  #command(words: readonly string[]): readonly string[] {
    if (words.length === 0 || words[0] === '') this.#no('command', 'wanted a program, found none');
    if (words.length > limits.words) {
      this.#no('command', `wanted at most ${limits.words} words, found ${words.length}`);
    }
    for (const [at, word] of words.entries()) this.#text(`command[${at}]`, word);
    return words;
  }

  #text(field: string, text: string): void {
    if (text.length > limits.wordChars || text.includes('\0')) {
      this.#no(field, `wanted at most ${limits.wordChars} characters, none of them NUL`);
    }
    this.#placeholders(field, text);
  }

  #placeholders(field: string, text: string): void {
    const there = this.#placeholdersThere();
    for (const name of findUnknownPlaceholders(text, this.#columns)) {
      this.#no(field, `there is no placeholder {${name}}; ${there}, and {{ for a brace`);
    }
    const [wanting] = /\{input(\.name|\.stem)?\}/.exec(text.replaceAll('{{', '')) ?? [];
    if (wanting === undefined || this.#hasInputs) return;
    this.#no(field, `${wanting} wants tasks.inputs or tasks.outputsOf; ${there}`);
  }

  #placeholdersThere(): string {
    const listed = (names: readonly string[]): string =>
      names.map((each) => `{${each}}`).join(', ');
    if (this.#hasInputs) return `there are ${listed(placeholders)}`;
    if (this.#columns.length > 0) {
      return `with tasks.rows there are ${listed([...new Set(['index', ...this.#columns])])}`;
    }
    return `with ${this.#isService ? 'service' : 'tasks.count'} there is only {index}`;
  }

  #environment(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const names = Object.keys(variables);
    if (names.length > limits.variables) {
      this.#no('environment', `wanted at most ${limits.variables}, found ${names.length}`);
    }
    for (const [name, value] of Object.entries(variables)) {
      const field = `environment["${name}"]`;
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
        this.#no(field, 'wanted a name of letters, digits and "_"');
      }
      if (value.includes('\0')) this.#no(field, 'wanted a value without NUL');
      this.#placeholders(field, value);
    }
    return variables;
  }

  #sharedInputs({ sharedInputs: inputs, checkpoint }: JobSpec): JobTemplate['sharedInputs'] {
    if (inputs.length > limits.inputs) {
      this.#no('sharedInputs', `wanted at most ${limits.inputs}, found ${inputs.length}`);
    }
    const seen = new Set<string>();
    return inputs.map((input, at) => {
      const field = `sharedInputs[${at}]`;
      const named = input.source?.$case === 'file' ? input.source.value.split('/').pop() : '';
      const path = input.path === '' ? (named ?? '') : input.path;
      const problem = placeProblem(path, { keepsCheckpoint: checkpoint });
      if (problem !== null) this.#no(`${field}.path`, problem);
      if (seen.has(path)) this.#no(`${field}.path`, `"${path}" is there twice`);
      seen.add(path);
      return { ...this.#source(field, input), path };
    });
  }

  /** A path that stays in the work folder. */
  #path(field: string, path: string): void {
    if (!isInside(path)) this.#no(field, `wanted a path inside the work folder, ${found(path)}`);
  }

  #outputs(paths: readonly string[]): readonly string[] {
    if (paths.length > limits.outputs) {
      this.#no('outputs', `wanted at most ${limits.outputs}, found ${paths.length}`);
    }
    for (const [at, path] of paths.entries()) {
      this.#path(`outputs[${at}]`, path);
      this.#text(`outputs[${at}]`, path);
      if (paths.indexOf(path) < at) this.#no(`outputs[${at}]`, `"${path}" is there twice`);
    }
    return paths;
  }

  #taskCount(spec: JobSpec): number {
    const { count = 0, inputs = [], manifest, rows = '', outputsOf = '' } = spec.tasks ?? {};
    const given = [
      ...(count > 0 ? ['count'] : []),
      ...(inputs.length > 0 ? ['inputs'] : []),
      ...(rows === '' ? [] : ['rows']),
      ...(manifest === undefined ? [] : ['manifest']),
      ...(outputsOf === '' ? [] : ['outputsOf']),
    ];
    const [source = 'none of them'] = given;
    if (given.length !== 1) {
      // A count of 0 cannot be told from none.
      const wanted = 'wanted a count of 1 or more, inputs, rows or outputsOf';
      this.#no('tasks', `${wanted}, found ${given.join(' and ') || source}`);
    } else if ((source === 'inputs' || source === 'rows') && !this.#isDraft) {
      this.#no(`tasks.${source}`, 'wanted a manifest: upload it first, as punnet submit does');
    }
    this.#checkColumns(rows !== '' || manifest !== undefined);
    return count;
  }

  #checkColumns(areRows: boolean): void {
    if (this.#columns.length === 0) return;
    if (!areRows) this.#no('tasks.columns', 'columns come with tasks.rows, found none');
    const wrong = columnProblem(this.#columns);
    if (wrong !== null) this.#no(`tasks.columns[${wrong.at}]`, wrong.problem);
  }

  #manifest(spec: JobSpec): BlobRef | null {
    const manifest = spec.tasks?.manifest;
    return manifest === undefined ? null : this.#blob('tasks.manifest', manifest);
  }

  #retries(retries: number | undefined): number {
    if ((retries ?? 0) > limits.retries) {
      this.#no('retries', `wanted 0 to ${limits.retries}, found ${retries}`);
    }
    return retries ?? 3;
  }

  #priority(priority: number): number {
    if (Math.abs(priority) <= limits.priority) return priority;
    this.#no('priority', `wanted -${limits.priority} to ${limits.priority}, found ${priority}`);
    return 0;
  }

  #quantity(field: string, text: string, unit: Unit): number | null {
    if (text === '') return null;
    const value = parseQuantity(text, unit);
    if (value === null) this.#no(field, wrongQuantity(text, unit));
    return value;
  }

  #between(field: string, text: string, { unit, otherwise, least, most }: Range): number {
    const value = this.#quantity(field, text, unit) ?? otherwise;
    if (value < least || value > most) {
      const range = `${formatQuantity(least, unit)} to ${formatQuantity(most, unit)}`;
      this.#no(field, `wanted ${range}, found "${text}"`);
    }
    return Math.round(value);
  }
}

function found(text: string): string {
  return text === '' ? 'found nothing' : `found "${text}"`;
}
