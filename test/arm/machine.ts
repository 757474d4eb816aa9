// Debian for another processor in a folder of its own, whose programs the kernel starts by qemu as one
// CPU. Memory and time in there are not those of a board: never assert them.

import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../integration/program.ts';
import type { Ran } from '../integration/rig.ts';
import { root } from '../integration/rig.ts';

export interface Processor {
  /** As Debian calls it. */
  readonly debian: 'armel' | 'armhf' | 'arm64';
  /** As qemu does. */
  readonly cpu: 'arm1176' | 'cortex-a7' | 'cortex-a53';
}

/** As the package's user. */
const asAgent = ['setpriv', '--reuid=punnet-agent', '--regid=punnet-agent', '--clear-groups'];

/** Its own mounts, which are gone with it, and this machine's network. */
const enter = `set -e
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  exec chroot "$ROOT" "$@"`;

export class ArmMachine {
  readonly root: string;
  readonly cpu: Processor['cpu'];

  private constructor(folder: string, cpu: Processor['cpu']) {
    this.root = folder;
    this.cpu = cpu;
  }

  /** Why there can be none here; undefined: there can. */
  static missing({ debian }: Pick<Processor, 'debian'>): string | undefined {
    if (process.env['PUNNET_ARM_TESTS'] === undefined) return 'npm run test:arm runs it';
    if (process.getuid?.() !== 0) return 'only root makes machines for ARM';
    const emulator = debian === 'arm64' ? 'qemu-aarch64' : 'qemu-arm';
    if (!existsSync(`/proc/sys/fs/binfmt_misc/${emulator}`)) {
      return `the kernel starts no program by ${emulator}`;
    }
    return existsSync(tarOf(debian)) ? undefined : `there is no Debian for ${debian}: run test:arm`;
  }

  /** A fresh one. */
  static unpack(folder: string, { debian, cpu }: Processor): ArmMachine {
    mkdirSync(folder, { recursive: true });
    const { status, stderr } = spawnSync('tar', ['-C', folder, '-xf', tarOf(debian)]);
    if (status !== 0) throw new Error(`${tarOf(debian)} was not unpacked: ${stderr.toString()}`);
    // As an installer writes it.
    writeFileSync(join(folder, 'etc/hosts'), '127.0.0.1 localhost\n');
    return new ArmMachine(folder, cpu);
  }

  /** The same files on another CPU. */
  on(cpu: Processor['cpu']): ArmMachine {
    return new ArmMachine(this.root, cpu);
  }

  /** Runs a program to its end, as root. */
  call(...words: readonly string[]): Promise<Ran> {
    const [file = '', ...rest] = this.#entering(words);
    return new Promise((resolve) => {
      execFile(file, rest, { env: this.#env }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
      );
    });
  }

  /** `call` that must succeed; what it printed. */
  async says(...words: readonly string[]): Promise<string> {
    const { code, out, err } = await this.call(...words);
    if (code !== 0) throw new Error(`${words.join(' ')}: ${code}\n${out}${err}`);
    return out;
  }

  /** Installs a package whose dependencies are there, as apt does. */
  async install(deb: string): Promise<string> {
    cpSync(deb, join(this.root, 'root/punnet-agent.deb'));
    return this.says('dpkg', '-i', '/root/punnet-agent.deb');
  }

  /** Enrols it, and starts its agent; without a sandbox, since qemu makes no namespaces. */
  async startAgent(name: string, url: string, token: string): Promise<Program> {
    // Each on a path of its own: agents of one network keep off each other's folder by its name.
    const state = ['--state', `/var/lib/punnet-agent/${name}`];
    await this.says(...asAgent, 'punnet-agent', 'enrol', url, token, '--name', name, ...state);
    const words = [...asAgent, 'punnet-agent', 'run', '--allow-unsandboxed', ...state];
    const [file = '', ...rest] = this.#entering(words);
    return new Program(name, rest, { by: [file], env: this.#env });
  }

  /** All are exec: what is signalled is the program itself. */
  #entering(words: readonly string[]): readonly string[] {
    return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', enter, 'sh', ...words];
  }

  get #env(): NodeJS.ProcessEnv {
    const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
    return { PATH, HOME: '/root', LANG: 'C.UTF-8', ROOT: this.root, QEMU_CPU: this.cpu };
  }
}

function tarOf(debian: Processor['debian']): string {
  return join(root, `tools/arm/roots/${debian}.tar`);
}
