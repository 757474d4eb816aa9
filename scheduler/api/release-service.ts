// punnet.v1.ReleaseService: which releases there are, and what operators have signed of them.

import type {
  PublishReleasesRequest,
  ReleaseFile,
  ReleaseServiceServer,
} from '../../proto/gen/punnet/v1/release_service.ts';
import type { ReleaseTarget } from '../../proto/release-target.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { invalid } from './errors.ts';

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
