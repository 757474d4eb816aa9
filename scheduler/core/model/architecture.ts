// Which bundle runs on which node. Names as in `uname -m`.

export const architectures = ['armv6l', 'armv7l', 'aarch64', 'x86_64'] as const;
export type Architecture = (typeof architectures)[number];

/**
 * The bundles that a node of each architecture runs, best first. ARMv6 code runs on every Pi (a Pi
 * 3's kernel runs 32-bit programs too); ARMv7 code dies on a Pi 1 with SIGILL.
 */
const runs: Readonly<Record<Architecture, readonly Architecture[]>> = {
  armv6l: ['armv6l'],
  armv7l: ['armv7l', 'armv6l'],
  aarch64: ['aarch64', 'armv7l', 'armv6l'],
  x86_64: ['x86_64'],
};

export function isArchitecture(text: string): text is Architecture {
  return architectures.some((known) => known === text);
}

/** The best of a job's bundles for a node, or undefined when none of them runs there. */
export function bestBundle<B extends { readonly architecture: Architecture }>(
  node: Architecture,
  bundles: readonly B[],
): B | undefined {
  for (const architecture of runs[node]) {
    // Asked for each pair of a task and a node: no function is made for it.
    for (const bundle of bundles) if (bundle.architecture === architecture) return bundle;
  }
  return undefined;
}
