// The file format of a case of flows, as our reference on SimGrid reads it: sites, flows between the
// core and their nodes, capacities in bit/s.

import { z } from 'zod';
import { wantedText } from '../scenario/wanted.ts';

const bitsPerSecond = z.number().positive();
const index = z.number().int().nonnegative();
const end = z.union([z.literal('core'), z.tuple([index, index])], {
  error: ({ input }) => `wanted "core" or [site, node], found ${JSON.stringify(input)}`,
});

const site = z.object({
  uplink_up_bps: bitsPerSecond,
  uplink_down_bps: bitsPerSecond,
  lan_bps: bitsPerSecond,
  nodes: index,
  /** `port`: each node has lan_bps each way. `bus`: all share lan_bps, as in a cell of Wi-Fi. */
  lan_mode: z.enum(['port', 'bus']).default('port'),
  /** With `bus`: each node's own port. */
  node_bps: bitsPerSecond.optional(),
});

const flow = z.object({
  start: z.number().nonnegative(),
  src: end,
  dst: end,
  bytes: z.number().min(1),
});

const flowCase = z.object({
  sites: z.array(site),
  /** The core's own port, each way, for flows that begin or end there. */
  core_bps: bitsPerSecond.optional(),
  flows: z.array(flow),
});

export type FlowCase = Readonly<z.infer<typeof flowCase>>;
export type FlowSite = Readonly<z.infer<typeof site>>;
export type FlowEnd = Readonly<z.infer<typeof end>>;

export class FlowCaseError extends Error {
  readonly code = 'bad-case';
}

/** Throws a `FlowCaseError` that names the field. */
export function parseFlowCase(text: string): FlowCase {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FlowCaseError(`it is not JSON: ${String(cause)}`, { cause });
  }
  const parsed = flowCase.safeParse(json, { reportInput: true });
  if (!parsed.success) {
    const told = parsed.error.issues.map((issue) => `${pathOf(issue.path)}: ${wantedText(issue)}`);
    throw new FlowCaseError(told[0] ?? 'it is no case');
  }
  for (const [number, { src, dst }] of parsed.data.flows.entries()) {
    checkEnd(parsed.data, src, `flows[${number}].src`);
    checkEnd(parsed.data, dst, `flows[${number}].dst`);
    if (String(src) === String(dst)) {
      const found = `found ${JSON.stringify(dst)} for both`;
      throw new FlowCaseError(`flows[${number}].dst: wanted another end than src, ${found}`);
    }
  }
  return parsed.data;
}

function checkEnd({ sites }: FlowCase, end: FlowEnd, field: string): void {
  if (end === 'core') return;
  const [site, node] = end;
  const nodes = sites[site]?.nodes;
  if (nodes === undefined) {
    throw new FlowCaseError(`${field}: there are ${sites.length} sites, from 0 on, but no ${site}`);
  }
  if (node >= nodes) {
    throw new FlowCaseError(`${field}: site ${site} has ${nodes} nodes, from 0 on, but no ${node}`);
  }
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the case';
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
  return steps.join('').replace(/^\./, '');
}
