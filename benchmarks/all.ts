// All benchmarks, in the order in which they run: those that need the machine to themselves last.

import { agent } from './agent.ts';
import { chunks } from './chunks.ts';
import { distribution } from './distribution/distribution.ts';
import { fiftyNodes } from './fifty-nodes.ts';
import type { Benchmark } from './figure.ts';
import { flows } from './flows.ts';
import { history } from './history.ts';
import { idleTunnel } from './idle-tunnel.ts';
import { install } from './install.ts';
import { journalBytes } from './journal-bytes.ts';
import { placement } from './placement.ts';
import { restore } from './restore.ts';
import { snapshot } from './snapshot.ts';
import { submit } from './submit.ts';
import { throughput, whole } from './throughput.ts';
import { tunnels } from './tunnels.ts';
import { turnaround } from './turnaround.ts';
import { update } from './update.ts';
import { uplinks } from './uplinks.ts';

export const benchmarks: readonly Benchmark[] = [
  submit,
  snapshot,
  journalBytes,
  history,
  restore,
  flows,
  tunnels,
  chunks,
  placement,
  agent,
  update,
  idleTunnel,
  uplinks,
  distribution,
  install,
  fiftyNodes,
  turnaround,
  throughput,
  whole,
];
