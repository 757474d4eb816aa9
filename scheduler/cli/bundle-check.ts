// Looks into the bundles before they are uploaded: the scheduler would refuse them afterwards.
import { createReadStream } from 'node:fs';
import type { JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import { BundleError, inspectBundle } from '../bundle/inspect.ts';
import { misfit } from '../bundle/judge.ts';
import type { FieldViolation } from './errors.ts';
import type { LocalBlob } from './job-inputs.ts';

/** What is wrong with the bundles that are here, at their fields. */
export async function checkBundles(
  spec: JobSpec,
  blobs: readonly LocalBlob[],
): Promise<readonly FieldViolation[]> {
  const violations: FieldViolation[] = [];
  for (const [architecture, bundle] of Object.entries(spec.bundles)) {
    const hash = bundle.source?.$case === 'blob' ? bundle.source.value.sha256 : '';
    const local = blobs.find(({ blob }) => blob.sha256 === hash);
    if (typeof local?.source !== 'string') continue;
    const claim = { architecture, isRootFileSystem: bundle.rootFileSystem };
    const description = await problemOf(local.source, claim);
    if (description !== null) violations.push({ field: `bundles["${architecture}"]`, description });
  }
  return violations;
}

async function problemOf(
  file: string,
  claim: Parameters<typeof misfit>[0],
): Promise<string | null> {
  try {
    return misfit(claim, await inspectBundle(createReadStream(file)));
  } catch (error) {
    if (error instanceof BundleError) return error.message;
    throw error;
  }
}
