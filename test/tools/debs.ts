// The packages for Debian, built for tests and a benchmark.

import { execFile } from 'node:child_process';
import type { Ran } from '../integration/rig.ts';
import { root } from '../integration/rig.ts';

export function run(
  file: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const options = { cwd: root, env: { ...process.env, ...env } };
  return new Promise((resolve) => {
    execFile(file, words, options, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    );
  });
}

/** Builds them as someone would with this umask, and tells the files. */
export async function buildDebs(
  to: string,
  umask: string,
): Promise<{ readonly agent: string; readonly scheduler: string }> {
  const script = `umask ${umask} && exec "$0" "$@"`;
  const words = ['tools/build-deb.mjs', '--to', to];
  // There may be no git where the tests run.
  const env = { SOURCE_DATE_EPOCH: '1767225600' };
  const built = await run('sh', ['-c', script, process.execPath, ...words], env);
  if (built.code !== 0 || built.err !== '')
    throw new Error(`build-deb: ${built.code}\n${built.err}`);
  const [agent = '', scheduler = ''] = built.out.trim().split('\n');
  return { agent, scheduler };
}
