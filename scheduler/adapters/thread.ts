// Starts a thread from a file beside the one that asks, from source or built.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { WorkerOptions } from 'node:worker_threads';

/**
 * @param besideUrl `import.meta.url` of who asks.
 * @param name of the file, without its ending.
 */
export function startThread(
  besideUrl: string,
  name: string,
  options: Pick<WorkerOptions, 'workerData' | 'transferList' | 'resourceLimits'> = {},
): Worker {
  const ending = extname(besideUrl);
  const { href } = new URL(`./${name}${ending}`, besideUrl);
  // Node can't start a thread from TypeScript: run from source (tests), a line of JavaScript loads it.
  const isSource = ending === '.ts';
  const load = `import('tsx/esm/api').then((tsx) => tsx.tsImport('${href}', '${href}'))`;
  return new Worker(isSource ? load : new URL(href), { eval: isSource, ...options });
}
