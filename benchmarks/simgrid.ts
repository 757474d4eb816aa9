// Runs a case of flows through SimGrid, where setup could build the program for it.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { FlowCase, FlowEnd } from '../sim/network/flow-case.ts';
import { endWithUs } from './child.ts';

/** `tools/setup.mjs --for bench` builds it. */
const program = fileURLToPath(new URL('../tools/simgrid/flow-reference', import.meta.url));

/** Five times what the slowest case takes. */
const givenUpAfterMs = 600_000;

export interface Solution {
  /** CPU time of solving, without start-up. */
  readonly cpuMs: number;
  /** When each flow ends, in seconds. */
  readonly finish: ArrayLike<number>;
}

export function hasSimgrid(): boolean {
  return existsSync(program);
}

/** In a process of its own: SimGrid runs once in each. */
export async function solveBySimgrid(flowCase: FlowCase): Promise<Solution> {
  const child = spawn(program, ['--log=root.threshold:critical'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: givenUpAfterMs,
  });
  endWithUs(child);
  child.stdin.end(inputOf(flowCase));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  const output = await text(child.stdout);
  const code = await ended;
  const [cpuMs, ...finish] = output.trim().split('\n').map(Number);
  if (code !== 0 || cpuMs === undefined || finish.length !== flowCase.flows.length) {
    throw new Error(`${program} ended with ${code} and ${finish.length} flows; see above`);
  }
  return { cpuMs, finish };
}

/** As the head of simgrid/flow-reference.cpp says. */
function inputOf({ sites, flows, core_bps }: FlowCase): string {
  const lines: (readonly number[])[] = [[sites.length, flows.length, core_bps ?? 0]];
  for (const { uplink_up_bps, uplink_down_bps, lan_bps, lan_mode, node_bps, nodes } of sites) {
    const isBus = lan_mode === 'bus' ? 1 : 0;
    lines.push([uplink_up_bps, uplink_down_bps, lan_bps, isBus, node_bps ?? 0, nodes]);
  }
  for (const { start, src, dst, bytes } of flows) {
    lines.push([start, ...numbersOf(src), ...numbersOf(dst), bytes]);
  }
  return lines.map((numbers) => `${numbers.join(' ')}\n`).join('');
}

function numbersOf(end: FlowEnd): readonly [site: number, node: number] {
  return end === 'core' ? [-1, 0] : end;
}
