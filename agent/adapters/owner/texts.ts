// What `punnet-agent status` and `punnet-agent limits` say.

import type { Allowance, AttemptPhase, Lease } from '../../core/index.ts';
import type { AptStatus } from '../apt/site-apt.ts';
import type { Rate } from '../blobs/uplink-pacer.ts';
import type { Identity } from '../state/state-folder.ts';
import type { Ran } from './history.ts';
import { parseLimits, readLimitsFile, type Limits } from './limits.ts';

export interface Running {
  readonly identity: Identity;
  /** Why it is not connected; null: it is. */
  readonly trouble: string | null;
  readonly sandbox: string;
  readonly allowance: Allowance;
  /** Names in the limits file that this agent does not know. */
  readonly unknownLimits: readonly string[];
  /** Files that its disk does not take, such as "traffic.json (ENOSPC)". */
  readonly unwritten: readonly string[];
  readonly attempts: readonly { readonly lease: Lease; readonly phase: AttemptPhase }[];
  /** The latest first. */
  readonly ran: readonly Ran[];
  readonly month: { readonly monthBytes: number; readonly monthlyBytes: number };
  /** What it may use now; null: no limit. */
  readonly uplink: Rate | null;
  readonly lan: Rate | null;
  /** What is left of its share of the line; less than 1: somebody else uses it. */
  readonly linePart: number;
  /** Outputs that stay here. */
  readonly kept: { readonly jobs: number; readonly bytes: number };
  /** null: its owner leaves apt alone. */
  readonly apt: AptStatus | null;
  /** Whether its owner lets tasks have it, and why none can; undefined: nobody has looked yet. */
  readonly internet: { readonly isAllowed: boolean; readonly problem: string | null | undefined };
  readonly nowUnixMs: number;
}

/** Jobs that `status` names of those that ran. */
const jobsNamed = 10;

/** What a line of the status begins with that somebody should do something about; `doctor` looks for it. */
export const amiss = 'Amiss: ';

/** Whose node it is. */
export function nameOf({ nodeId, federation, siteId }: Identity): string {
  return `Node ${nodeId} of ${federation}, site ${siteId}`;
}

/** One line for the node, one for each attempt. */
export function statusText(running: Running): string {
  const { identity, trouble, sandbox, allowance, attempts } = running;
  const { slots, notAccepting } = allowance;
  const link =
    trouble === null ? 'connected' : `not connected, and tries again by itself: ${trouble}`;
  const work =
    notAccepting === null
      ? `It takes tasks on ${slots} ${slots === 1 ? 'slot' : 'slots'}, in sandbox ${sandbox}.`
      : `It takes no task: ${notAccepting.reason}.`;
  const lines = attempts.map(
    ({ lease, phase }) =>
      `  lease ${lease.leaseId}: task ${lease.taskIndex} of ${lease.jobName} (${lease.researcher}), ${phase}${phase === 'running' && allowance.isFreezing ? ', stands still' : ''}${lease.internet === undefined ? '' : ', with internet'}`,
  );
  const { monthBytes, monthlyBytes } = running.month;
  const month = `This month it has used ${gigabytes(monthBytes)} of ${gigabytes(monthlyBytes)} of your line.`;
  const said = [
    `${nameOf(identity)}: ${link}.`,
    work,
    month,
    ratesLine(running),
    ...keptLines(running),
    ...aptLines(running),
    ...internetLines(running),
    ...amissLines(running),
  ];
  said.push(...ranLines(running));
  return [...said, ...lines].join('\n');
}

function amissLines({ unknownLimits, unwritten }: Running): readonly string[] {
  const lines: string[] = [];
  if (unwritten.length > 0) {
    lines.push(
      `${amiss}its disk does not take ${unwritten.join(', ')}: it counts on in memory, and writes them when there is room. Make some.`,
    );
  }
  if (unknownLimits.length === 0) return lines;
  const names = unknownLimits.map((name) => JSON.stringify(name)).join(', ');
  lines.push(
    `${amiss}limits.json names ${names}, which this agent does not know: it keeps to the others. Mend a slip; a newer agent may know it.`,
  );
  return lines;
}

function ratesLine({ uplink, lan, linePart }: Running): string {
  const line =
    uplink === null
      ? 'no limit (say what it can do: uplink in your limits)'
      : `${megabits(uplink.downBps)} down and ${megabits(uplink.upBps)} up`;
  const busy =
    linePart < 1 ? ` (${Math.round(100 * linePart)}% of its share: somebody else uses it)` : '';
  const near = lan === null ? 'no limit' : `${megabits(lan.downBps)} each way`;
  return `At most, of your line: ${line}${busy}; of your LAN: ${near}.`;
}

function megabits(bps: number): string {
  return `${Number((bps / 1e6).toPrecision(3))} Mbit/s`;
}

function keptLines({ kept: { jobs, bytes } }: Running): readonly string[] {
  if (jobs === 0) return [];
  const of = `${jobs} ${jobs === 1 ? 'job' : 'jobs'}`;
  return [
    `It keeps what tasks of ${of} left here, ${gigabytes(bytes)}, until their researchers delete them.`,
  ];
}

function aptLines({ apt }: Running): readonly string[] {
  if (apt === null) return [];
  if (apt.trouble !== null) return [`apt asks its mirrors itself: ${apt.trouble}.`];
  const { site, mirrors } = apt.count;
  return [
    `apt asks for packages through the site: ${site} came so since the start, ${mirrors} from their mirrors.`,
  ];
}

function internetLines({ internet: { isAllowed, problem } }: Running): readonly string[] {
  if (!isAllowed || problem === undefined) return [];
  if (problem !== null) return [`${amiss}no task has internet, though you allow it: ${problem}.`];
  return ['Tasks that ask for it reach the internet from here, and nothing of your home.'];
}

function ranLines({ ran, nowUnixMs }: Running): readonly string[] {
  if (ran.length === 0) return [];
  const lines = ran.slice(0, jobsNamed).map(({ researcher, job, tasks, cpuMs, lastUnixMs }) => {
    const count = `${tasks} ${tasks === 1 ? 'task' : 'tasks'}`;
    return `  ${researcher}: ${count} of ${job}, ${span(cpuMs)} of CPU, the last ${span(nowUnixMs - lastUnixMs)} ago`;
  });
  return ['Whose research ran here lately:', ...lines];
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** "12 s", "3 min", "5 h", "2 days". */
function span(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Each limit, and whether the owner has set it. Throws LimitsError. */
export function limitsText(file: string): string {
  const fields = readLimitsFile(file);
  const limits = parseLimits(fields, file);
  const lines = Object.entries(limits).map(([name, value]) => {
    const source = name in fields ? 'set' : 'default';
    return `  ${name.padEnd(17)} ${JSON.stringify(value).padEnd(14)} ${source}`;
  });
  const howTo = `Change them in ${file}, a JSON object; a running agent takes them at once.`;
  return [`Limits in force:`, ...lines, howTo].join('\n');
}

/** The fields of the file, with one of them set. Throws LimitsError for a wrong file, or a wrong value. */
export function withLimit(
  file: string,
  set: Partial<Pick<Limits, 'isPaused' | 'aptPort'>>,
): string {
  const before = readLimitsFile(file);
  const fields = { ...before, ...set };
  for (const each of [before, fields]) parseLimits(each, file);
  return `${JSON.stringify(fields, null, 2)}\n`;
}
