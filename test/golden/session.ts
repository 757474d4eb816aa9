// Sessions: what somebody typed and exactly what was printed, as a text that people read.
//   # prose
//   $ a command, and below it its output; a code other than 0 is told as [exit 2]
//   @ until COMMAND | grep TEXT     asked again until the text is there
//   @ agent NAME                    starts the agent on this state folder
// What differs from run to run (ids, times, ports) is replaced by something of the same width.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { patienceMs } from '../integration/program.ts';
import type { Rig } from '../integration/rig.ts';
import { runProgram } from '../../scheduler/cli/program.ts';

interface Step {
  /** With its mark. */
  readonly line: string;
  /** As the file has it; of commands only. */
  readonly output: string;
}

/** Where the commands run. */
export interface Shell {
  readonly rig: Rig;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly names: Names;
}

/** Runs a session file; returns its text and what it should be by what was printed now. */
export async function runSession(
  file: string,
  shell: Shell,
): Promise<{ readonly kept: string; readonly found: string }> {
  const kept = readFileSync(file, 'utf8');
  const parts: string[] = [];
  for (const { line, output } of parse(kept)) {
    if (!line.startsWith('$ ')) parts.push(`${line}\n${output}`);
    if (line.startsWith('$ ')) {
      const printed = await type(shell, shell.names.show(line.slice(2)));
      parts.push(`${line}\n${shell.names.hide(printed)}`);
    }
    if (line.startsWith('@ ')) await direct(shell, line.slice(2));
  }
  const found = parts.join('');
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, found);
  return { kept: process.env['UPDATE_GOLDEN'] === '1' ? found : kept, found };
}

function parse(text: string): readonly Step[] {
  const steps: Step[] = [];
  for (const line of text.split('\n').slice(0, text.endsWith('\n') ? -1 : undefined)) {
    const last = steps.at(-1);
    if (/^[#$@] /.test(line) || last === undefined) steps.push({ line, output: '' });
    else steps.splice(-1, 1, { ...last, output: `${last.output}${line}\n` });
  }
  return steps;
}

/** Types one command; output and errors come in the order of a terminal. */
async function type(shell: Shell, command: string): Promise<string> {
  const { code, out } = isPlain.test(command)
    ? await call(shell, command)
    : await sh(shell, command);
  return `${out}${code === 0 ? '' : `[exit ${code}]\n`}\n`;
}

interface Ran {
  readonly code: number;
  readonly out: string;
}

/** A call of the CLI without anything that is the shell's. */
const isPlain = /^punnet( +([\w./:,-]+|'[^']*'))+$/;

/** The CLI in this process: a process for each call would cost more than all else. */
async function call(shell: Shell, command: string): Promise<Ran> {
  const [, ...words] = [...command.matchAll(/'([^']*)'|[^ ]+/g)].map(
    ([word, text]) => text ?? word,
  );
  let out = '';
  const print = (text: string): void => void (out += text);
  const code = await runProgram(words, {
    ...{ out: print, err: print, isTty: false, env: shell.env, now: () => Date.now() },
    signal: new AbortController().signal,
  });
  return { code, out };
}

function sh(shell: Shell, command: string): Promise<Ran> {
  const options = { cwd: shell.cwd, env: shell.env, timeout: patienceMs };
  return new Promise((resolve) => {
    execFile('sh', ['-c', `exec 2>&1; ${command}`], options, (error, out) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out });
    });
  });
}

async function direct(shell: Shell, words: string): Promise<void> {
  const [verb, name = ''] = words.split(' ');
  if (verb === 'agent') {
    shell.rig.agent(name);
    return;
  }
  if (verb !== 'until') throw new Error(`@ ${words}: wanted "until" or "agent"`);
  const [command = '', text = ''] = words.replace(/^until /, '').split(' | grep ');
  const deadline = performance.now() + patienceMs;
  while (!(await type(shell, command)).includes(text)) {
    if (performance.now() > deadline) throw new Error(`it never came: ${words}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Same words for the same things in each run, of the same width, so that columns stay; and back. */
export class Names {
  readonly #toNames = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(known: Readonly<Record<string, string>>) {
    for (const [found, name] of Object.entries(known)) this.#toNames.set(found, name);
  }

  hide(text: string): string {
    for (const [found] of text.matchAll(
      /\b(j[0-9a-z]{10}|[nt][0-9a-f]{10}|pnt_[0-9a-f_]{65})\b/g,
    )) {
      if (this.#toNames.has(found)) continue;
      const kind = found.startsWith('pnt_') ? 'pnt_' : found.slice(0, 1);
      const count = (this.#counts.get(kind) ?? 0) + 1;
      this.#counts.set(kind, count);
      const digits = String(count).padStart(found.length - kind.length, '0');
      this.#toNames.set(found, kind === 'pnt_' ? `pnt_secret_${count}` : kind + digits);
    }
    let hidden = text;
    for (const [found, name] of this.#toNames) hidden = hidden.replaceAll(found, name);
    return rules.reduce(
      (rest, [pattern, replacement]) => rest.replaceAll(pattern, replacement),
      hidden,
    );
  }

  show(text: string): string {
    let shown = text;
    for (const [found, name] of this.#toNames) shown = shown.replaceAll(name, found);
    return shown;
  }
}

/** What measures the machine or the moment, and lines of progress: how many come is chance. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, '2026-01-31 12:00:00Z'],
  [/("\w+UnixMs": )"[1-9]\d*"/g, '$1"1769860800000"'],
  [/\d+ (min \d+ )?s ago/g, '1 s ago'],
  [/("workGhzS": )[\d.e-]+/g, '$10.01'],
  [/\b(in |took +)\d+ (min \d+ )?s\b/g, '$11 s'],
  [/(\bj\d+ active: ).*\n(\1.*\n)*/g, '$1...\n'],
  [/LOAD +HEARD/g, 'LOAD  HEARD'],
  // Of an age with two digits the column is wider.
  [/AGE +SPREAD/g, 'AGE      SPREAD'],
  [/ +\d+\.\d\d(?= {2}1 s ago)/g, '  0.50'],
  // A part of a second more or less of what is in hand.
  [/^(attic +\d +\d +)[01] s( +\d+ s +0 s +uplink)/gm, '$10 s$2'],
  [/^(load +)[\d.]+$/gm, '$10.50'],
  [/^(model +).*$/gm, '$1Raspberry Pi 3 Model B'],
  [/^(memory +).*$/gm, '$11 GB'],
  [/^(sandbox +).*$/gm, '$1cgroup-v1'],
  [/\d\.\d\d s\b/g, '0.01 s'],
  [/[\d.]+ GHz\*s( \(measured\))/g, '0.01 GHz*s$1'],
  [/[\d.]+ [kM]bit\/s( down and )[\d.]+ [kM]bit\/s( up for each)/g, '8.3 Mbit/s$12.1 Mbit/s$2'],
  [/(has|and) [\d.]+ s of (work|bytes)/g, '$1 0.5 s of $2'],
  [/the largest has [\d.]+ GB/g, 'the largest has 1 GB'],
  // How far a blob is that comes.
  [
    /(map\.txt \(1\.5 MB\) )(nothing|\d+%) is there, .*\.$/gm,
    '$140% is there, school-1 brings more over its line, about 3 s for the rest.',
  ],
  [/^([0-9a-f]{12} +1\.5 MB +).*times.*$/gm, '$140%          0 of 1    1      0.65 times     -'],
  [/^LANs .*\n/gm, ''],
  [/^(carried +).*$/gm, '$10 B down, 0 B up'],
  [/ask for [\d.]+ GB or less/g, 'ask for 1 GB or less'],
];
