// A virtual Raspberry Pi 1: BCM2835, ARM1176, and Debian's ARMv6 kernel, systemd and Node.js on a card.
// Its time is its own: what lasts ten seconds there may take a minute here.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Program } from '../integration/program.ts';
import { root } from '../integration/rig.ts';
import { bundleInto } from '../bundle-into.ts';
import { ArmMachine } from './machine.ts';

const kernel = join(root, 'tools/arm/roots/kernel-armel.deb');
/** What the card reaches of this machine; qemu lets it reach nothing else. */
const hostInside = '10.0.2.100';

/** Runs the trial at its start, on the serial line. */
const unit = `[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/sh /root/trial.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyAMA0
[Install]
WantedBy=multi-user.target
`;

/** What would only cost time, on such a machine. */
const masked = [
  ...['serial-getty@ttyAMA0.service', 'getty@tty1.service', 'apt-daily.timer'],
  ...['apt-daily-upgrade.timer', 'e2scrub_all.timer', 'fstrim.timer', 'dpkg-db-backup.timer'],
];

/** Prints the median of the milliseconds that the agent needs for what a report says. */
const reportTime = `
  import { mkdtempSync } from 'node:fs';
  import { Inventory, NodeStatus } from './proto/gen/punnet/v1/node.ts';
  import { Owner } from './agent/adapters/owner/owner.ts';
  import { StateFolder } from './agent/adapters/state/state-folder.ts';
  const inventory = Inventory.create({ slots: 1, memoryBytes: 180e6 });
  const state = new StateFolder(mkdtempSync('/tmp/report-'));
  const owner = new Owner({ state, inventory, sandboxProblem: null });
  const took = Array.from({ length: 41 }, () => {
    const startedMs = performance.now();
    owner.look();
    NodeStatus.encode(owner.status()).finish();
    return performance.now() - startedMs;
  });
  console.log(took.sort((a, b) => a - b)[20].toFixed(1));
  process.exit();
`;

/** Why none can be booted here; undefined: one can. */
export function missing(): string | undefined {
  if (process.env['PUNNET_PI1_TESTS'] === undefined) return 'npm run test:pi1 runs it';
  if (!existsSync(kernel)) return 'there is no kernel for a Pi 1: run test:pi1';
  return ArmMachine.missing({ debian: 'armel' });
}

/** A card with the agent's package on it, not installed. Returns its folder. */
export function makeCard(folder: string, deb: string): string {
  const { root: card } = ArmMachine.unpack(join(folder, 'root'), {
    debian: 'armel',
    cpu: 'arm1176',
  });
  writeFileSync(join(card, 'etc/hosts'), `${hostInside} localhost\n`);
  const units = join(card, 'etc/systemd/system');
  writeFileSync(join(units, 'trial.service'), unit);
  mkdirSync(join(units, 'multi-user.target.wants'), { recursive: true });
  symlinkSync('../trial.service', join(units, 'multi-user.target.wants/trial.service'));
  for (const name of masked) symlinkSync('/dev/null', join(units, name));
  cpSync(deb, join(card, 'root/punnet-agent.deb'));
  cpSync(join(import.meta.dirname, 'pi1-trial.sh'), join(card, 'root/trial.sh'));
  bundleInto(join(card, 'root'), 'report-time.mjs', reportTime);
  const made = join(folder, 'card');
  execFileSync('sh', [join(root, 'tools/arm/pi1-image.sh'), card, kernel, made]);
  return made;
}

export interface Boot {
  readonly name: string;
  /** Of the board; the graphics part has had its own. */
  readonly memoryMb: number;
  readonly ports: readonly number[];
  /** More words for the kernel. */
  readonly words: readonly string[];
}

export class Pi1 {
  readonly program: Program;

  constructor(card: string, { name, memoryMb, ports, words }: Boot) {
    const image = join(card, `${name}.img`);
    cpSync(join(card, 'sd.img'), image);
    const console = 'console=ttyAMA0,115200 root=/dev/mmcblk0 rw loglevel=4 panic=1';
    // Without this the kernel stops at a device that qemu has not.
    const board = `initcall_blacklist=bcm2835_power_driver_init mem=${memoryMb}M`;
    const forward = ports
      .map((port) => `guestfwd=tcp:${hostInside}:${port}-cmd:/bin/busybox nc 127.0.0.1 ${port}`)
      .join(',');
    this.program = new Program(
      `pi1 ${name}`,
      [
        ...['-n', '5', 'qemu-system-arm', '-M', 'raspi1ap', '-icount', 'shift=1,sleep=off'],
        ...['-kernel', join(card, 'vmlinuz'), '-dtb', join(card, 'board.dtb')],
        ...['-initrd', join(card, 'initrd.gz')],
        ...['-append', [console, board, `punnet.name=${name}`, ...words].join(' ')],
        ...['-drive', `file=${image},if=sd,format=raw`],
        ...['-netdev', `user,id=lan,restrict=on,${forward}`, '-device', 'usb-net,netdev=lan'],
        // Beside the card, for whoever watches.
        ...['-chardev', `stdio,id=line,logfile=${join(card, `${name}.console`)}`],
        ...['-serial', 'chardev:line', '-nographic', '-monitor', 'none', '-no-reboot'],
      ],
      { by: ['nice'] },
    );
  }

  /** The first line with this text, however long it takes. */
  async says(text: string, withinMs: number): Promise<string> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const line = this.program.lines.find((each) => each.includes(text));
      if (line !== undefined) return line;
      if (!this.program.isRunning || performance.now() > deadline) {
        throw new Error(`the Pi did not say "${text}":\n${this.program.tail(60)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** All numbers that it told under this word. */
  numbers(pattern: RegExp): readonly number[] {
    return this.program.lines.flatMap((line) => {
      const found = pattern.exec(line)?.[1];
      return found === undefined ? [] : [Number(found)];
    });
  }
}
