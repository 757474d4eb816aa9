// The command line that leads from the shim to the task:
// sh (enters the cgroups) → setpriv (task user) → nice → prlimit → bwrap → the task.

import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { join, normalize } from 'node:path';
import type { AttemptSpec } from './attempt-spec.ts';
import { attemptFiles, attemptMark, isMemoryGrouped, socketIn } from './attempt-spec.ts';
import { checkpointIn } from './checkpoint.ts';
import { proxyAt } from './own-network.ts';
import { countOf } from './task-processes.ts';
import { canChangeUser, taskUid } from './task-user.ts';

export interface RunChain {
  readonly file: string;
  readonly args: readonly string[];
}

/** In the sandbox. */
const socketMount = '/punnet';
const tmpfsBytes = 16 << 20;
/** Some programs read the one way of writing, some the other. */
const proxyVariables = Object.fromEntries(
  ['http_proxy', 'https_proxy', 'all_proxy']
    .flatMap((name) => [name, name.toUpperCase()])
    .map((name) => [name, `http://${proxyAt.host}:${proxyAt.port}`]),
);
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The chain for an attempt. A first word that is a relative path existing in the bundle
 * (`bin/tool`) becomes `/bundle/bin/tool`; a plain name is looked up in PATH, which starts
 * with /bundle/bin and /bundle.
 */
export function runChain(
  spec: AttemptSpec,
  attemptFolder: string,
  entryFiles: readonly string[],
): RunChain {
  const uid = String(taskUid(attemptFolder));
  const enter = entryFiles.map((file) => `echo $$ > '${file}' && `).join('');
  const user = canChangeUser ? ['setpriv', '--reuid', uid, '--regid', uid, '--clear-groups'] : [];
  const inner =
    spec.backend === 'bare' ? bareWords(spec, attemptFolder) : bwrapWords(spec, attemptFolder);
  return {
    file: '/bin/sh',
    // One pipe for both streams keeps their order. Where the whole node runs out of memory, the
    // kernel takes the task first.
    args: [
      '-c',
      `${enter}{ echo 1000 > /proc/self/oom_score_adj; } 2>/dev/null; exec "$@" 2>&1`,
      'sh',
      ...user,
      'nice',
      '-n',
      '19',
      'prlimit',
      ...limitWords(spec),
      '--',
      ...inner,
    ],
  };
}

function limitWords(spec: AttemptSpec): string[] {
  const words = ['--core=0', '--nofile=1024', `--fsize=${spec.diskBytes}`, '--memlock=0'];
  if (!isMemoryGrouped(spec.backend)) words.push(`--as=${spec.memoryBytes}`);
  if (!isCountedInside(spec)) words.push(`--nproc=${spec.maxProcesses + processesBeside()}`);
  return words;
}

/**
 * The kernel counts the processes of a user. Where the task has one of its own that is what we
 * want; else only the sandbox's user namespace counts apart, so that the limit is set in there (by
 * the host's prlimit, which a root file system does not have).
 */
function isCountedInside(spec: AttemptSpec): boolean {
  return !canChangeUser && spec.backend !== 'bare' && !spec.isRootFileSystem;
}

/** What the task's user has beside it. */
function processesBeside(): number {
  const uid = process.getuid?.();
  return canChangeUser || uid === undefined ? 0 : countOf(uid);
}

function bwrapWords(spec: AttemptSpec, attemptFolder: string): string[] {
  const bundle = spec.isRootFileSystem ? '/' : '/bundle';
  const folders = { bundle, work: '/work', socket: socketMount };
  return [
    'bwrap',
    '--unshare-all',
    // That of its shim, which is its own as well.
    ...(spec.internetBytes === undefined ? [] : ['--share-net']),
    '--unshare-user',
    '--disable-userns',
    '--new-session',
    '--die-with-parent',
    '--clearenv',
    '--cap-drop',
    'ALL',
    '--hostname',
    'task',
    ...(spec.isRootFileSystem
      ? ['--ro-bind', spec.bundlePath, '/']
      : systemWords(spec, attemptFolder)),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--size',
    String(tmpfsBytes),
    '--tmpfs',
    '/dev/shm',
    '--remount-ro',
    '/dev',
    '--size',
    String(tmpfsBytes),
    '--tmpfs',
    '/tmp',
    ...(spec.isRootFileSystem ? [] : ['--ro-bind', spec.bundlePath, bundle]),
    '--bind',
    spec.workPath,
    '/work',
    // The folder, not the socket: the next agent makes another one in it.
    ...(spec.hasSocket
      ? ['--ro-bind', join(attemptFolder, attemptFiles.socketFolder), socketMount]
      : []),
    '--chdir',
    '/work',
    '--remount-ro',
    '/',
    ...Object.entries(environmentOf(spec, attemptFolder, folders)).flatMap(([name, value]) => [
      '--setenv',
      name,
      value,
    ]),
    '--',
    ...(isCountedInside(spec) ? ['prlimit', `--nproc=${spec.maxProcesses}`, '--'] : []),
    ...commandIn(spec, bundle),
  ];
}

/** /usr and the few files of /etc that programs need; never the host's root. */
function systemWords(spec: AttemptSpec, attemptFolder: string): string[] {
  const words = ['--ro-bind', '/usr', '/usr'];
  for (const name of ['/bin', '/sbin', '/lib', '/lib32', '/lib64']) {
    if (!existsSync(name)) continue;
    if (lstatSync(name).isSymbolicLink()) words.push('--symlink', readlinkSync(name), name);
    else words.push('--ro-bind', name, name);
  }
  const files = ['/etc/ld.so.cache', '/etc/alternatives', '/etc/localtime'];
  // Whom to believe on the internet; the keys in the folder beside it are the node's.
  if (spec.internetBytes !== undefined) files.push('/etc/ssl/certs');
  for (const name of files) {
    words.push('--ro-bind-try', name, name);
  }
  for (const name of [attemptFiles.passwd, attemptFiles.group]) {
    words.push('--ro-bind-try', join(attemptFolder, name), `/etc/${name}`);
  }
  return words;
}

/** Without namespaces: the host's own paths stand for /bundle and /work. */
function bareWords(spec: AttemptSpec, attemptFolder: string): string[] {
  const socket = join(attemptFolder, attemptFiles.socketFolder);
  const folders = { bundle: spec.bundlePath, work: spec.workPath, socket };
  const variables = environmentOf(spec, attemptFolder, folders);
  return [
    'env',
    '-i',
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    ...commandIn(spec, spec.bundlePath),
  ];
}

function environmentOf(
  spec: AttemptSpec,
  attemptFolder: string,
  { bundle, work, socket }: Readonly<Record<'bundle' | 'work' | 'socket', string>>,
): Record<string, string> {
  const given = Object.entries(spec.environment).filter(([name]) => variableName.test(name));
  const prefix = spec.isRootFileSystem ? '/usr/local/bin' : `${bundle}/bin:${bundle}`;
  return {
    PATH: `${prefix}:/usr/bin:/bin`,
    HOME: work,
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    ...(spec.internetBytes !== undefined && proxyVariables),
    ...Object.fromEntries(given),
    PUNNET_LEASE_ID: String(spec.leaseId),
    PUNNET_ATTEMPT: attemptMark(attemptFolder),
    PUNNET_BUNDLE: bundle,
    PUNNET_WORK: work,
    ...(spec.checkpointPath !== null && { PUNNET_CHECKPOINT: checkpointIn(work) }),
    ...(spec.hasSocket && { PUNNET_SOCKET: socketIn(socket) }),
  };
}

function commandIn(spec: AttemptSpec, bundle: string): string[] {
  const [first = '', ...rest] = spec.command;
  if (spec.isRootFileSystem) return [first, ...rest];
  if (first.startsWith('/bundle/')) return [`${bundle}${first.slice('/bundle'.length)}`, ...rest];
  const path = normalize(first);
  const isInside = path.includes('/') && !path.startsWith('/') && !path.startsWith('..');
  if (isInside && existsSync(join(spec.bundlePath, path))) {
    return [`${bundle}/${path}`, ...rest];
  }
  return [first, ...rest];
}
