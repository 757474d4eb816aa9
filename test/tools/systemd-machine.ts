// A machine made of namespaces: the files of this one under those of a package, and Debian's systemd
// as its first process, with a network, processes and a cgroup of its own. It starts one unit.

import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Space } from '../../lab/space.ts';
import { Program } from '../integration/program.ts';
import type { Ran } from '../integration/rig.ts';
import { until } from '../integration/rig.ts';

const systemd = '/lib/systemd/systemd';
/** What the unit names, and none of what they do on a real machine. */
const targets = ['sysinit', 'basic', 'shutdown', 'network-online'];

/** Layers and mounts that only it sees; bwrap because systemd makes namespaces, which a chroot may not. Over
 * bwrap's /proc, parts of which are covered, is a whole one: a sandbox in there gets none of its own else. */
const script = `set -e
  mkdir "$CGROUP" && echo $$ >"$CGROUP/cgroup.procs"
  mount -t tmpfs punnet "$FOLDER/over" && mkdir "$FOLDER/over/all"
  cp -a "$FOLDER/files" "$FOLDER/over"
  mount -t overlay punnet -o "lowerdir=$FOLDER/over/files:/" "$FOLDER/over/all"
  exec bwrap --json-status-fd 1 --as-pid-1 --die-with-parent --cap-add ALL \
    --unshare-pid $NET --unshare-uts --unshare-ipc --unshare-cgroup \
    --clearenv --setenv container punnet-test --setenv PATH /usr/sbin:/usr/bin \
    --ro-bind "$FOLDER/over/all" / --proc /proc --dev /dev --ro-bind /sys /sys \
    --bind "$CGROUP" /sys/fs/cgroup --tmpfs /run --tmpfs /tmp --tmpfs /var \
    --bind "$FOLDER/default" /etc/default --tmpfs /etc/systemd \
    --ro-bind "$FOLDER/units" /usr/lib/systemd/system \
    sh -c 'umount -R /proc && mount -t proc proc /proc && exec "$@"' sh ${systemd} --system --unit="$UNIT"`;

export interface MachineOptions {
  /** Its own. */
  readonly folder: string;
  /** Those of the packages that it has. */
  readonly files: string;
  /** What systemd starts. */
  readonly unit: string;
  /** A lab's node whose network it has; without: a network where nobody else is. */
  readonly space?: Space;
}

export class SystemdMachine {
  readonly #program: Program;
  readonly #cgroup: string;
  readonly #unit: string;
  /** Its first process, as this machine counts. */
  readonly #init: string;

  private constructor(program: Program, at: Readonly<Record<'cgroup' | 'unit' | 'init', string>>) {
    this.#program = program;
    this.#cgroup = at.cgroup;
    this.#unit = at.unit;
    this.#init = at.init;
  }

  /** Why there can be none here; undefined: there can. */
  static missing(): string | undefined {
    if (process.getuid?.() !== 0) return 'only root boots a machine';
    const wanted = [systemd, '/usr/bin/bwrap', '/usr/bin/nsenter', '/usr/bin/node'];
    const absent = wanted.find((file) => !existsSync(file));
    if (absent !== undefined) return `${absent} is not here`;
    if (cgroupMount() === undefined) return 'no cgroup2 is mounted here';
    const attempt = `mkdir ${ownCgroup()} && rmdir ${ownCgroup()} && mount -t tmpfs none /mnt`;
    const tried = spawnSync('unshare', ['--mount', 'sh', '-c', attempt]);
    return tried.status === 0 ? undefined : tried.stderr.toString().trim();
  }

  static async boot({ folder, files, unit, space }: MachineOptions): Promise<SystemdMachine> {
    for (const name of ['over', 'units']) mkdirSync(join(folder, name), { recursive: true });
    cpSync(files, join(folder, 'files'), { recursive: true, verbatimSymlinks: true });
    cpSync(join(files, 'etc/default'), join(folder, 'default'), { recursive: true });
    cpSync(join(files, 'usr/lib/systemd/system'), join(folder, 'units'), { recursive: true });
    for (const name of targets) {
      writeFileSync(join(folder, 'units', `${name}.target`), '[Unit]\nDefaultDependencies=no\n');
    }
    spawnSync('systemd-sysusers', [`--root=${join(folder, 'files')}`]);
    const cgroup = ownCgroup();
    const NET = space === undefined ? '--unshare-net' : '';
    const env = { ...process.env, FOLDER: folder, CGROUP: cgroup, UNIT: unit, NET };
    const by = [...(space?.entry ?? []), 'unshare', '--mount', 'sh', '-c'];
    const program = new Program('systemd', [script], { by, env });
    const said = await program.said('child-pid');
    const init = /"child-pid": (\d+)/.exec(said)?.[1] ?? '';
    return new SystemdMachine(program, { cgroup, unit, init });
  }

  /** Runs a program in it, as root. */
  call(file: string, ...words: readonly string[]): Promise<Ran> {
    const entered = ['--all', `--target=${this.#init}`, file, ...words];
    const env = { PATH: '/usr/sbin:/usr/bin', HOME: '/tmp' };
    return new Promise((resolve) => {
      execFile('nsenter', entered, { env }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
      );
    });
  }

  /** A property of the unit. */
  async told(property: string): Promise<string> {
    const words = ['show', '--value', `--property=${property}`, this.#unit];
    return (await this.call('systemctl', ...words)).out.trim();
  }

  async becomes(property: string, value: string): Promise<void> {
    const isSo = async (): Promise<boolean> => (await this.told(property)) === value;
    await until(`${property} is ${value}`, async () => (await isSo()) || undefined);
  }

  /** Waits for a 200, asked by bash: it starts sooner than a Node.js. */
  async answers(port: number, path: string): Promise<void> {
    const ask = 'exec 3<>/dev/tcp/localhost/$0 && echo "GET $1 HTTP/1.0\r\n\r" >&3';
    const words = ['-c', `shopt -s xpg_echo && ${ask} && grep -q ' 200 ' <&3`, String(port), path];
    const isSo = async (): Promise<boolean> => (await this.call('bash', ...words)).code === 0;
    await until(`${path} is well`, async () => (await isSo()) || undefined);
  }

  async stop(): Promise<void> {
    await this.#program.kill('SIGKILL');
    const words = [this.#cgroup, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'];
    const isGone = (): boolean => spawnSync('find', words).status === 0;
    await until('its cgroup is empty', () => Promise.resolve(isGone() || undefined));
  }
}

function ownCgroup(): string {
  return join(cgroupMount() ?? '', `punnet-test-${process.pid}`);
}

function cgroupMount(): string | undefined {
  return /^cgroup2? (\S+) cgroup2 rw/m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1];
}
