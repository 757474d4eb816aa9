// Plain and hostile tasks, and how each must end by every back end that holds it.

import type { AttemptSpec } from '../../agent/adapters/sandbox/attempt-spec.ts';

/** What stands between a task and the rest, beside rlimits. */
export type Wall = 'namespaces' | 'user';

export interface Row {
  readonly name: string;
  /** Words in braces are paths and ports of this run: see `fill` of the contract. */
  readonly script: string;
  readonly code: string;
  readonly detail?: RegExp;
  readonly log?: RegExp;
  readonly more?: Partial<AttemptSpec>;
  /** What holds it; any back end does where none is named. */
  readonly walls?: readonly Wall[];
}

/** 3: the task found what it looked for; 7: it did not. */
const tries = (commands: readonly string[]): string =>
  [...commands.map((command) => `if ${command}; then exit 3; fi 2>/dev/null`), 'exit 7'].join('\n');
const refused = { code: 'exited', detail: /status 7/ } as const;
const perl = (code: string): string => `perl -MSocket -e '${code}'`;

export const rows: readonly Row[] = [
  { name: 'prints', script: 'echo $GREETING; pwd; cat', code: 'succeeded', log: /hello\n\/.*work/ },
  { name: 'exits 3', script: 'exit 3', code: 'exited', detail: /status 3/ },
  { name: 'kills itself', script: 'kill -9 $$', code: 'signalled', detail: /signal 9/ },
  {
    name: 'names no program',
    script: '',
    code: 'not_started',
    detail: /no-such-tool/,
    more: { command: ['no-such-tool'] },
  },
  {
    name: 'eats memory',
    script: 'awk \'BEGIN { x = "aaaaaaaa"; while (1) x = x x }\'',
    code: 'out_of_memory',
    detail: /67108864 bytes .*memory in the job file/,
  },
  {
    name: 'eats memory in many processes',
    script: `perl -e 'fork for 1..3; $x = "a" x 12000000; sleep 60'`,
    code: 'out_of_memory',
    detail: /67108864 bytes/,
  },
  { name: 'fills the disk with one file', script: 'cat /dev/zero > big', code: 'out_of_disk' },
  {
    name: 'fills the disk with many files',
    script: 'i=0; while :; do head -c 900000 /dev/zero > f$i; i=$((i+1)); sleep 0.02; done',
    code: 'out_of_disk',
    detail: /of 4194304 bytes: .*disk in the job file/,
  },
  {
    name: 'fills the disk with a deleted file',
    script: 'exec 3> gone; rm gone; cat /dev/zero >&3',
    code: 'out_of_disk',
  },
  {
    name: 'ignores SIGTERM',
    script: 'trap "" TERM; while :; do sleep 0.1; done',
    code: 'timeout',
    detail: /over its 0\.7 s: .*timeout/,
    more: { timeoutMs: 700 },
  },
  {
    name: 'forks without end',
    script: "perl -e 'fork while 1'",
    code: 'timeout',
    more: { timeoutMs: 1_500 },
  },
  {
    name: 'forks over its limit',
    script: 'for i in $(seq 60); do sleep 9 & done; wait',
    code: 'exited',
    log: /fork/,
  },
  { name: 'prints without end', script: 'yes', code: 'timeout', more: { timeoutMs: 1_000 } },
  {
    name: 'prints more than is kept',
    script: 'head -c 5000000 /dev/zero | tr "\\0" a; echo END',
    code: 'succeeded',
    log: /END/,
  },
  {
    name: 'leaves a daemon that holds its output',
    script: 'setsid sleep 30{lease} & echo done',
    code: 'succeeded',
  },
  {
    name: 'leaves a daemon that hides',
    script: '(setsid env -i sh -c "sleep 30{lease} & sleep 30{lease}" >/dev/null 2>&1 &) &',
    code: 'succeeded',
    walls: ['namespaces', 'user'],
  },
  {
    name: 'kills whatever it can',
    script: 'kill -9 -1; exit 7',
    ...refused,
    walls: ['namespaces', 'user'],
  },
  {
    name: 'reads what is not its own',
    script: tries([
      'cat /etc/shadow',
      'cat {state}/keys.json',
      'ls {state}',
      'cat {state}/attempts/900/work/secret',
      'cat /proc/{agent}/environ',
    ]),
    ...refused,
    walls: ['namespaces', 'user'],
  },
  {
    name: 'writes what is not its own',
    script: tries([
      'echo > /usr/punnet-escape',
      'echo > /punnet-escape',
      'echo > /etc/punnet-escape',
      'echo > /bundle/x',
      'echo > {state}/bundle/x',
      'echo > {state}/x',
      'echo > {state}/attempts/x',
      'echo > {state}/attempts/{lease}/exit.json',
      'echo > {state}/attempts/900/work/x',
    ]),
    ...refused,
    walls: ['namespaces', 'user'],
  },
  {
    name: 'writes to a folder that all share',
    script: 'echo > /tmp/punnet-escape-{lease}; echo > /dev/shm/punnet-escape-{lease}',
    code: 'succeeded',
    walls: ['namespaces'],
  },
  {
    name: 'fills its /tmp',
    script: 'head -c 40000000 /dev/zero > /tmp/big; echo went on > out; cat out; exit 7',
    ...refused,
    log: /went on/,
    more: { diskBytes: 100 << 20 },
    walls: ['namespaces'],
  },
  {
    name: 'looks for a network',
    script: tries([
      'grep -v lo: /proc/net/dev | grep :',
      'tail -n +2 /proc/net/route | grep .',
      perl(
        'socket(S, PF_INET, SOCK_STREAM, 0); exit !connect(S, sockaddr_in({port}, inet_aton("127.0.0.1")))',
      ),
      perl('socket(S, PF_UNIX, SOCK_STREAM, 0); exit !connect(S, sockaddr_un("\\0{abstract}"))'),
      perl('socket(S, PF_UNIX, SOCK_STREAM, 0); exit !connect(S, sockaddr_un("{state}/socket"))'),
    ]),
    ...refused,
    walls: ['namespaces'],
  },
  {
    name: 'makes namespaces of its own',
    script: tries(['unshare -Ur true', 'unshare -n true', 'mount -t tmpfs none /tmp']),
    ...refused,
    walls: ['namespaces'],
  },
];
