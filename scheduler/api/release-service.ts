// punnet.v1.ReleaseService: which releases there are, and what operators have signed of them.

import type {
  PublishReleasesRequest,
  ReleaseFile,
  ReleaseServiceServer,
  Rollout,
  StartRolloutRequest,
} from '../../proto/gen/punnet/v1/release_service.ts';
import { RolloutChange, RolloutPhase } from '../../proto/gen/punnet/v1/release_service.ts';
import type { ReleaseTarget } from '../../proto/release-target.ts';
import type { Command, RolloutSummary } from '../core/index.ts';
import { defaultBakeMs } from '../core/index.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { fromRefusal, invalid, notFound } from './errors.ts';
import { parseQuantity, span, wrongQuantity } from './quantities.ts';

/** One after another, since the last time that somebody published. */
const mostRoots = 16;

export function releaseService(deps: ApiDeps): ReleaseServiceServer {
  const { releases } = deps;
  return {
    getReleases: unary(deps, () => {
      const { offline, onlineKey } = releases;
      return {
        files: releases.releases.map(toFile),
        rootJson: offline?.root ?? Buffer.alloc(0),
        targetsJson: offline?.targets ?? Buffer.alloc(0),
        onlineKeyJson: JSON.stringify({ keyid: onlineKey.keyID, ...onlineKey.toJSON() }),
      };
    }),
    publishReleases: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      await publish(deps, request);
      return {};
    }),
    listRollouts: unary(deps, () => ({ rollouts: deps.view().rollouts().map(toRollout) })),
    startRollout: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const { name, version } = request;
      const start = readStart(deps, request);
      await deps.rolloutComes(name, version);
      await give(deps, { kind: 'startRollout', name, version, ...start });
      return { rollout: rolloutOf(deps, name) };
    }),
    changeRollout: unary(deps, async ({ name, change }, caller) => {
      mustBeOperator(caller);
      const found = changes[change];
      if (found === undefined) {
        const description = 'wanted PAUSE, RESUME or ABORT, found something else';
        throw invalid([{ field: 'change', description }]);
      }
      await give(deps, { kind: 'changeRollout', name, change: found });
      return { rollout: rolloutOf(deps, name) };
    }),
    holdRollouts: unary(deps, async ({ isHeld }, caller) => {
      mustBeOperator(caller);
      await give(deps, { kind: 'holdRollouts', isHeld });
      return {};
    }),
  };
}

const changes: Readonly<Partial<Record<RolloutChange, 'pause' | 'resume' | 'abort'>>> = {
  [RolloutChange.PAUSE]: 'pause',
  [RolloutChange.RESUME]: 'resume',
  [RolloutChange.ABORT]: 'abort',
};

const phases: Readonly<Record<RolloutSummary['phase'], RolloutPhase>> = {
  running: RolloutPhase.RUNNING,
  paused: RolloutPhase.PAUSED,
  done: RolloutPhase.DONE,
  failed: RolloutPhase.FAILED,
  aborted: RolloutPhase.ABORTED,
};

async function give(deps: ApiDeps, command: Command): Promise<void> {
  const answer = await deps.submit(command);
  if (answer.kind === 'refused') throw fromRefusal(answer);
}

/** The bake time, and whom it is for. Throws where the release is not on the list. */
function readStart(
  deps: ApiDeps,
  { name, version, bake }: StartRolloutRequest,
): { readonly bakeMs: number; readonly architectures: readonly string[] } {
  const files = deps.releases.releases.filter(
    (each) => each.name === name && each.version === version,
  );
  const found = files.map(({ architecture }) => architecture);
  const architectures = found.includes('all') ? [] : found;
  if (files.length === 0) {
    throw notFound('release', `${name} ${version}`, ': see "punnet release list"');
  }
  const bakeMs = bake === '' ? defaultBakeMs : parseQuantity(bake, span);
  if (bakeMs !== null) return { bakeMs, architectures };
  throw invalid([{ field: 'bake', description: wrongQuantity(bake, span) }]);
}

function rolloutOf(deps: ApiDeps, name: string): Rollout | undefined {
  const found = deps
    .view()
    .rollouts()
    .find((each) => each.name === name);
  return found === undefined ? undefined : toRollout(found);
}

function toRollout(summary: RolloutSummary): Rollout {
  const { phase, startedAt, rings, leftMs, ...same } = summary;
  return {
    ...same,
    phase: phases[phase],
    startedUnixMs: startedAt,
    rings: [...rings],
    leftMs: leftMs ?? undefined,
  };
}

async function publish(deps: ApiDeps, request: PublishReleasesRequest): Promise<void> {
  const { rootsJson: roots, targetsJson } = request;
  if (roots.length > mostRoots) {
    const description = `wanted at most ${mostRoots} new roots, found ${roots.length}`;
    throw invalid([{ field: 'roots_json', description }]);
  }
  const targets = targetsJson.length === 0 ? null : targetsJson;
  if (roots.length === 0 && targets === null) {
    throw invalid([
      { field: 'targets_json', description: 'wanted a root or a list, found neither' },
    ]);
  }
  const problem = await deps.releases.take({ roots, targets });
  if (problem === null) return;
  const field = problem.startsWith('root.json') ? 'roots_json' : 'targets_json';
  throw invalid([{ field, description: problem }]);
}

function toFile(target: ReleaseTarget): ReleaseFile {
  const { name, version, kind, architecture, sha256, sizeBytes, indexSha256, hook } = target;
  const { serial } = target;
  return { name, version, kind, architecture, sha256, sizeBytes, indexSha256, hook, serial };
}
