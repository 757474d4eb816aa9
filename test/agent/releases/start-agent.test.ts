// The starter: which version of the agent runs, and how a new one that does not work is taken back without Node
// and without the network. And a process that is killed while it changes versions leaves one that is whole.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { beforeEach, describe, expect, test } from 'vitest';
import { ReleaseFolder } from '../../../agent/adapters/releases/release-folder.ts';
import { root } from '../../repo/sources.ts';
import { temporaryFolder } from './release-rig.ts';

const starter = join(root, 'deploy/debian/punnet-agent/start-agent.sh');
let state: string;
let folder: ReleaseFolder;

beforeEach(() => {
  state = temporaryFolder();
  writeFileSync(join(state, 'package.cjs'), 'console.log("package");');
  mkdirSync(join(state, 'releases'));
  folder = new ReleaseFolder(join(state, 'releases/agent'));
});

/** A version that says which it is, and does this. */
function version(name: string, does = ''): void {
  mkdirSync(folder.folderOf(name));
  const words = `console.log("${name}", ...process.argv.slice(2, 3)); ${does}`;
  writeFileSync(join(folder.folderOf(name), 'punnet-agent.cjs'), words);
}

const env = () => ({
  PATH: process.env['PATH'],
  PUNNET_NODE: process.execPath,
  PUNNET_AGENT_PROGRAM: join(state, 'package.cjs'),
});

/** What one start comes to: "what ran, exit code". */
function start(): string {
  const { stdout, status } = spawnSync('sh', [starter, state], { env: env(), encoding: 'utf8' });
  return `${stdout.trim()}, ${status}`;
}

describe('the starter', () => {
  test('takes the version of the package where there is no other', () => {
    expect([start(), start(), start()]).toEqual(['package, 0', 'package, 0', 'package, 0']);
  });

  test('takes the active version, as often as it likes once that has proved itself', () => {
    version('1.0');
    folder.activate('1.0');
    expect(folder.isUnproved).toBe(true);
    folder.confirm();
    expect([start(), start(), start(), start()]).toEqual(new Array(4).fill('1.0 run, 0'));
  });

  test('goes back after two starts in which a new version did not prove itself', () => {
    version('1.0');
    version('2.0', 'process.exit(7)');
    folder.activate('1.0');
    folder.confirm();
    folder.activate('2.0');
    expect([start(), start(), start(), start()]).toEqual([
      '2.0 run, 1',
      '2.0 run, 1',
      '1.0 run, 0',
      '1.0 run, 0',
    ]);
    expect(folder).toMatchObject({ active: '1.0', previous: '', isUnproved: false });
    expect(folder.failed).toEqual({
      version: '2.0',
      problem: 'it did not prove itself in two starts',
    });
  });

  test('goes back to the package where there was no version before', () => {
    version('2.0', 'throw new Error("broken")');
    folder.activate('2.0');
    expect([start(), start(), start()]).toEqual(['2.0 run, 1', '2.0 run, 1', 'package, 0']);
    expect(folder.active).toBe('');
  });

  test('goes back at once from a version that is not there, or is no program', () => {
    version('1.0');
    folder.activate('1.0');
    folder.confirm();
    mkdirSync(folder.folderOf('2.0'));
    folder.activate('2.0');
    expect(start()).toBe('1.0 run, 0');
    expect(folder.failed).toEqual({ version: '2.0', problem: 'its program is not there' });
  });
});

describe('the starter of a new version', () => {
  test('believes exit codes after which systemd starts nothing again only of a version that has proved itself', () => {
    version('2.0', 'process.exitCode = 2;');
    folder.activate('2.0');
    expect(start()).toBe('2.0 run, 1');
    folder.confirm();
    expect(start()).toBe('2.0 run, 2');
  });

  test.each(['nonsense', '2.0 many', '1.0 9', ''])('with the count damaged: "%s"', (text) => {
    version('2.0');
    folder.activate('2.0');
    writeFileSync(join(folder.path, 'starts'), text);
    expect(start()).toBe('2.0 run, 0');
  });

  test('hands a signal on, and waits for the end', async () => {
    version('2.0');
    const words = `process.on('SIGTERM', () => { console.log('end'); process.exit(0); });
      setInterval(() => undefined, 1e3); console.log('ready');`;
    writeFileSync(join(folder.folderOf('2.0'), 'punnet-agent.cjs'), words);
    folder.activate('2.0');
    const child = spawn('sh', [starter, state], {
      env: env(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (part: Buffer) => {
      if (said === '') child.kill('SIGTERM');
      said += String(part);
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([said, code]).toEqual(['ready\nend\n', 0]);
  });
});

test('killed at any time while versions change, what the link leads to is whole', async () => {
  version('1.0');
  version('2.0');
  folder.activate('1.0');
  const program = join(state, 'change.cjs');
  const entry = join(root, 'agent/adapters/releases/release-folder.ts');
  const contents = `
    import { ReleaseFolder } from ${JSON.stringify(entry)};
    const folder = new ReleaseFolder(process.argv[2]);
    for (;;) {
      folder.activate(folder.active === '2.0' ? '1.0' : '2.0');
      process.stdout.write('.');
      if (Math.floor(performance.now()) % 3 === 0) folder.goBack('a test');
    }`;
  buildSync({
    stdin: { contents, loader: 'ts', resolveDir: root },
    ...{ bundle: true, platform: 'node', outfile: program, logLevel: 'error' },
  });
  for (let round = 0; round < 8; round += 1) {
    const child = spawn(process.execPath, [program, folder.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), round));
    await new Promise((resolve) => child.on('close', resolve));
    expect(start()).toMatch(/^(1\.0 run|2\.0 run|package), 0$/);
    expect(() => readFileSync(join(folder.path, 'facts.json'), 'utf8')).not.toThrow();
  }
});
