// How a rollout looks: a line for each ring, and what is left.
import { RolloutPhase, type Rollout } from '../../proto/gen/punnet/v1/release_service.ts';
import type { CliIo } from './io.ts';
import { bytesText, enumText, facts, safeText, spanText, table, timeText } from './print.ts';

export function rolloutsText(io: CliIo, rollouts: readonly Rollout[]): string {
  if (rollouts.length === 0) return 'no rollout yet: punnet rollout start\n';
  return rollouts.map((each) => rolloutText(io, each)).join('\n');
}

function rolloutText(io: CliIo, rollout: Rollout): string {
  const { rings, ring, reason, waitsFor, isHeld } = rollout;
  const head = facts(io, [
    ['release', `${rollout.name} ${rollout.version}`],
    ['state', stateText(rollout)],
    ['why', safeText(reason)],
    ['held', isHeld ? 'nodes are told nothing (punnet rollout resume --all)' : ''],
    ['started', timeText(rollout.startedUnixMs)],
    ['waits for', waitsFor],
    [
      'done in',
      rollout.leftMs === undefined ? '' : `${spanText(rollout.leftMs)}, if all goes well`,
    ],
    ['fetched', savedText(rollout)],
  ]);
  const rows = rings.map((each, index) => [
    ...[String(index), each.name, index <= ring ? 'activates' : 'fetches'],
    ...[each.nodes, each.heard, each.staged, each.active, each.proven, each.failed].map(String),
  ]);
  const columns = ['ring', 'nodes of', 'now', 'nodes', 'heard', 'staged', 'active', 'proven'];
  return head + table(io, [...columns, 'went back'], rows);
}

function stateText({ phase, ring, rings, bakeMs }: Rollout): string {
  const text = enumText(RolloutPhase, phase);
  if (phase !== RolloutPhase.RUNNING && phase !== RolloutPhase.PAUSED) return text;
  return `${text}, ring ${ring} of ${rings.length - 1}, each well for ${spanText(bakeMs)}`;
}

function savedText({ fetchedBytes, sizeBytes }: Rollout): string {
  if (sizeBytes === 0) return '';
  const saved = Math.max(0, sizeBytes - fetchedBytes);
  return `${bytesText(fetchedBytes)} of ${bytesText(sizeBytes)}; ${bytesText(saved)} were there already`;
}
