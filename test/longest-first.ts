// The order of test files: those that start many programs come first, so that none of them begins
// when all others have ended. Within a folder the larger file, or what a run before found.

import { BaseSequencer, type TestSpecification } from 'vitest/node';

const longest = ['lab', 'demo', 'benchmarks', 'contracts', 'golden', 'integration', 'agent'];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex((folder) => moduleId.includes(`/test/${folder}/`));
  return rank < 0 ? longest.length : rank;
}
