// What `npm run test:arm` needs beside the packages of setup.mjs: the kernel starts programs for ARM by
// qemu, and there is a Debian for each of the processors that Raspberry Pis have.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const binfmt = '/proc/sys/fs/binfmt_misc';

/** Debian's names: Pi 1 and Zero; 2; 3 and later. */
export const architectures = ['armel', 'armhf', 'arm64'];

/**
 * Does what is missing. What could not be done is said, and its tests skip.
 *
 * @param folder where the file systems are kept, about 300 MB each.
 * @param run runs a program with words, and gives its exit code.
 */
export async function prepareArm({ folder, mirror, run, say }) {
  if (process.getuid() !== 0)
    return say('Only root makes machines for ARM: their tests will skip.');
  if (mirror === undefined)
    return say('apt knows no mirror of Debian: the tests of ARM will skip.');
  await startByQemu({ run, say });
  mkdirSync(folder, { recursive: true });
  for (const architecture of architectures) {
    const file = join(folder, `${architecture}.tar`);
    if (existsSync(file)) continue;
    say(`Making a Debian for ${architecture}; it takes minutes, once.`);
    const script = join(import.meta.dirname, 'root-file-system.sh');
    const status = await run('sh', [script, architecture, mirror, file]);
    if (status !== 0) say(`It could not be made (${status}): its tests will skip.`);
  }
}

/** Debian's package registers the emulators where systemd runs. Until the next boot, in a container or
 * a virtual machine without systemd, this does. */
async function startByQemu({ run, say }) {
  for (const name of ['qemu-arm', 'qemu-aarch64']) {
    const rule = `/usr/lib/binfmt.d/${name}.conf`;
    if (!existsSync(join(binfmt, 'register'))) {
      await run('mount', ['-t', 'binfmt_misc', 'binfmt_misc', binfmt]);
    }
    if (existsSync(join(binfmt, name)) || !existsSync(rule)) continue;
    say(`Telling the kernel to start such programs by ${name}, until this machine restarts.`);
    try {
      writeFileSync(join(binfmt, 'register'), readFileSync(rule));
    } catch (error) {
      say(`It refuses (${error.message}): the tests of ARM will skip.`);
    }
  }
}
