// What `npm run test:arm` and `test:pi1` need beside the packages of setup.mjs: the kernel starts programs
// for ARM by qemu, there is a Debian for each of the processors that Raspberry Pis have, and a Pi 1's kernel.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const binfmt = '/proc/sys/fs/binfmt_misc';

/** What is made for each purpose, by which script. Debian's names: armel for Pi 1 and Zero, armhf for 2, arm64
 * for 3 and later. */
const made = {
  arm: ['armel', 'armhf', 'arm64'].map(rootFileSystem),
  pi1: [
    rootFileSystem('armel'),
    { file: 'kernel-armel.deb', script: 'kernel.sh', words: [], what: 'the kernel of a Pi 1' },
  ],
};

function rootFileSystem(debian) {
  const what = `a Debian for ${debian}, which takes minutes`;
  return { file: `${debian}.tar`, script: 'root-file-system.sh', words: [debian], what };
}

/**
 * Does what is missing. What could not be done is said, and its tests skip.
 *
 * @param folder where the file systems are kept, about 300 MB each.
 * @param run runs a program with words, and gives its exit code.
 */
export async function prepareArm({ purpose, folder, mirror, run, say }) {
  if (process.getuid() !== 0)
    return say('Only root makes machines for ARM: their tests will skip.');
  if (mirror === undefined)
    return say('apt knows no mirror of Debian: the tests of ARM will skip.');
  await startByQemu({ run, say });
  mkdirSync(folder, { recursive: true });
  for (const { file, script, words, what } of made[purpose]) {
    const to = join(folder, file);
    if (existsSync(to)) continue;
    say(`Getting ${what}, once.`);
    const status = await run('sh', [join(import.meta.dirname, script), ...words, mirror, to]);
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
