// What root tells apt of the agent, and takes back: real files in a root of their own, read by the real apt.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  aptFiles,
  askAgent,
  askNobody,
  choosePort,
  foreignProxyIn,
  readApt,
} from '../../../agent/install/apt.ts';
import type { Readings } from '../../../agent/install/doctor.ts';
import { examine } from '../../../agent/install/doctor.ts';

let etc = '';
beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), 'punnet-etc-'));
});
afterEach(() => rmSync(etc, { recursive: true }));

function detectIn(folder: string): string {
  const env = { PATH: process.env['PATH'], APT_CONFIG: join(etc, 'none') };
  writeFileSync(env.APT_CONFIG, `Dir::Etc::parts "${join(folder, 'apt/apt.conf.d')}";\n`);
  const words = ['dump', '--format', '%v', 'Acquire::http::Proxy-Auto-Detect'];
  return execFileSync('apt-config', words, { env, encoding: 'utf8' });
}

test('apt is told of the script, which prints that there is no proxy until the agent listens', async () => {
  const files = aptFiles(etc);
  askAgent(23_456, files);
  expect(detectIn(etc)).toContain(files.script);
  expect(execFileSync(files.script, ['http://mirror.example/'], { encoding: 'utf8' })).toBe(
    'DIRECT\n',
  );
  expect(await choosePort(files)).toBe(23_456);
  askAgent(23_456, files);
  expect(await readApt(23_456, files)).toEqual({
    ...{ port: 23_456, isTold: true, isScriptRight: true, isListening: false },
  });
});

test('taken back, nothing of it stays and nothing else goes', () => {
  const files = aptFiles(etc);
  mkdirSync(join(etc, 'apt/apt.conf.d'), { recursive: true });
  mkdirSync(join(etc, 'punnet-agent'));
  for (const name of ['apt/apt.conf.d/01own', 'punnet-agent/allow-ssh'])
    writeFileSync(join(etc, name), '');
  askAgent(23_456, files);
  for (let count = 0; count < 2; count += 1) askNobody(files);
  expect(readdirSync(join(etc, 'apt/apt.conf.d'))).toEqual(['01own']);
  expect(readdirSync(join(etc, 'punnet-agent'))).toEqual(['allow-ssh']);
  expect(existsSync(files.script)).toBe(false);
});

test('a strict mask hides neither file from the methods of apt, which run as another user', () => {
  const files = aptFiles(etc);
  chmodSync(etc, 0o755);
  const before = process.umask(0o077);
  askAgent(23_456, files);
  process.umask(before);
  const asNobody = { uid: 65_534, gid: 65_534, encoding: 'utf8' } as const;
  const user = process.getuid?.() === 0 ? asNobody : ({ encoding: 'utf8' } as const);
  expect(execFileSync(files.script, ['http://mirror.example/'], user)).toBe('DIRECT\n');
});

const script = '/etc/punnet-agent/apt-way';
test.each([
  ['Acquire::http::Proxy http://user:secret@cache:3142/', 'its Acquire::http::Proxy'],
  [
    'Acquire::http::Proxy::mirror.example http://cache/',
    'its Acquire::http::Proxy::mirror.example',
  ],
  ['Acquire::http::Proxy-Auto-Detect /usr/bin/squid-find', 'its Acquire::http::Proxy-Auto-Detect'],
  ['Acquire::http::ProxyAutoDetect /usr/bin/squid-find', 'its Acquire::http::ProxyAutoDetect'],
  [`Acquire::http::Proxy-Auto-Detect ${script}`, null],
  ['Acquire::http::Proxy::mirror.example DIRECT', null],
  ['Acquire::http::Timeout 30', null],
  ['Acquire::http ', null],
])('of apt\'s word "%s" the proxy that is another\'s is %s', (dump, found) => {
  expect(foreignProxyIn(`Acquire::http \n${dump}\n\n`, script)).toBe(found);
});

test.each([
  ['left alone', { port: null, isTold: false }, 'good', /left alone/],
  ['told though the owner says no', { port: null, isTold: true }, 'bad', /--apt off/],
  ['not told though the owner says so', { port: 5_000, isTold: false }, 'bad', /--apt on/],
  [
    'told of a script that is not there',
    { port: null, isTold: true, isScriptRight: false },
    'bad',
    /may fail/,
  ],
  [
    'told, and nobody listens',
    { port: 5_000, isTold: true, isListening: false },
    'bad',
    /See whether/,
  ],
  ['told, and the agent listens', { port: 5_000, isTold: true }, 'good', /at port 5000/],
] as const)('doctor finds apt %s', (_what, changes, state, words) => {
  const apt = { isScriptRight: true, isListening: true, ...changes };
  // Of all that it reads, this check looks at no more.
  const checks = examine({ ...nothing, apt } as Readings);
  const check = checks.find(({ what }) => what === 'apt');
  expect(check?.state).toBe(state);
  expect(`${check?.found} ${check?.todo}`).toMatch(words);
});

const nothing = {
  board: { model: 'x', architecture: 'x86_64' },
  ...{ memoryBytes: 1e9, node: null, missingPackages: [], diskFreeBytes: 1e9, diskReserveBytes: 0 },
  sandbox: { backend: 'rlimit', problems: [] },
  ...{ isUnderVoltage: null, temperatureC: null, temperatureLimitC: 70, limitsProblem: null },
  enrolment: null,
};
