// The command line as people meet it: each *.session is typed into a shell, against one scheduler
// and its agents, and must print what the file has. UPDATE_GOLDEN=1 writes the files anew: read them.

import { copyFileSync, cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Rig, root } from '../integration/rig.ts';
import { Names, runSession, type Shell } from './session.ts';

const here = import.meta.dirname;
let rig: Rig | undefined;
let shell: Shell;

/** Written by the scheduler. */
interface PortsFile {
  readonly grpc: number;
  readonly https: number;
}

beforeAll(async () => {
  rig = await Rig.start();
  const bin = join(rig.folder, 'bin');
  mkdirSync(bin);
  for (const [name, file] of [
    ['punnet', 'bin/punnet.cjs'],
    ['punnet-agent', 'punnet-agent.cjs'],
  ] as const) {
    const script = `#!/bin/sh\nexec ${process.execPath} ${join(root, 'dist', file)} "$@"\n`;
    writeFileSync(join(bin, name), script, { mode: 0o755 });
  }
  cpSync(join(here, 'files'), rig.folder, { recursive: true });
  copyFileSync(join(rig.data, 'operator.context'), join(rig.folder, 'operator.context'));
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env['PATH']}`,
    XDG_CONFIG_HOME: join(rig.folder, '.config'),
    NO_COLOR: undefined,
    FORCE_COLOR: undefined,
    // Many tools colour pipes in CI; ours prints plainly to whatever is no terminal.
    CI: 'true',
  };
  const ports = JSON.parse(readFileSync(join(rig.data, 'ports.json'), 'utf8')) as PortsFile;
  const names = new Names({
    [rig.folder]: '/home/ada',
    [`localhost:${ports.grpc}`]: 'localhost:7443',
    [`localhost:${ports.https}`]: 'localhost:8443',
  });
  process.chdir(rig.folder);
  shell = { rig, cwd: rig.folder, env, names };
});
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
});
afterAll(async () => {
  process.chdir(root);
  await rig?.stop();
});

const sessions = readdirSync(here).filter((name) => name.endsWith('.session'));

// In their order: later ones use what earlier ones made.
test.each(sessions.sort())('%s', async (name) => {
  const { kept, found } = await runSession(join(here, name), shell);
  expect(found).toBe(kept);
});
