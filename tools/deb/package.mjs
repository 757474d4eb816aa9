// Makes a package for Debian of a recipe, with nothing but dpkg-deb. The same sources give the same
// bytes: whatever the modes in a clone and the umask are, and with one time in it.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { existsSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bundle } from '../bundle.mjs';
import { copyrightOf } from './copyright.mjs';
import { manPage } from './man-page.mjs';

/**
 * Builds `<to>/<name>_<version>_all.deb` and returns its path.
 *
 * A recipe has: `name`; `bundles`, each with `entry`, `file` and esbuild's `options`; `programs`,
 * what /usr/bin has of them; `copies`, files as they are; `pages`, manual pages.
 */
export async function buildPackage(recipe, { to, version, seconds }) {
  const { name } = recipe;
  const stage = mkdtempSync(join(tmpdir(), 'punnet-deb-'));
  try {
    const inputs = await putPrograms(stage, recipe);
    const copies = [...recipe.copies, ...filesFor(name)];
    for (const [from, place] of copies) cpSync(from, join(stage, place), { recursive: true });
    const documents = `usr/share/doc/${name}`;
    put(stage, `${documents}/copyright`, copyrightOf(inputs));
    putZipped(stage, `${documents}/changelog.gz`, changelog(name, version, seconds));
    putManPages(stage, recipe, { version, seconds });
    putControl(stage, recipe, version);
    setModes(stage);
    const file = join(to, `${name}_${version}_all.deb`);
    mkdirSync(to, { recursive: true });
    // A better compression takes three seconds more, for a third of a megabyte.
    const words = ['--root-owner-group', '-Zxz', '-z1', '--build', stage, file];
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(seconds) };
    execFileSync('dpkg-deb', words, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    return file;
  } finally {
    rmSync(stage, { recursive: true });
  }
}

const sourceOf = (name) => `deploy/debian/${name}`;

/** What each package may have in deploy/debian, and where it goes. */
function filesFor(name) {
  const from = sourceOf(name);
  const units = readdirSync(from).filter((file) => /\.(service|path|timer)$/.test(file));
  return [
    ...units.map((unit) => [`${from}/${unit}`, `usr/lib/systemd/system/${unit}`]),
    [`${from}/sysusers`, `usr/lib/sysusers.d/${name}.conf`],
    [`${from}/README.Debian`, `usr/share/doc/${name}/README.Debian`],
    [`${from}/default`, `etc/default/${name}`],
  ].filter(([file]) => existsSync(file));
}

async function putPrograms(stage, { bundles, programs }) {
  const inputs = new Set();
  for (const { entry, file, options } of bundles) {
    const path = join(stage, file);
    for (const input of await bundle(entry, path, options)) inputs.add(input);
    // The Node that the package depends on, whatever else is first in somebody's PATH.
    const text = readFileSync(path, 'utf8').replace(/^#!.*/, '#!/usr/bin/node');
    writeFileSync(path, text);
  }
  mkdirSync(join(stage, 'usr/bin'));
  for (const [program, file] of programs) {
    symlinkSync(`../${file.slice('usr/'.length)}`, join(stage, 'usr/bin', program));
  }
  return [...inputs];
}

function putManPages(stage, { name, programs, pages }, { version, seconds }) {
  const fileOf = new Map(programs);
  const date = new Date(seconds * 1000).toISOString().slice(0, 10);
  for (const { program, section, purpose, asks } of pages) {
    const helps = asks.map((words) =>
      execFileSync(process.execPath, [join(stage, fileOf.get(program)), ...words, '--help'], {
        encoding: 'utf8',
      }),
    );
    const text = manPage({ program, section, purpose, helps, version, date, packageName: name });
    putZipped(stage, `usr/share/man/man${section}/${program}.${section}.gz`, text);
  }
}

function changelog(name, version, seconds) {
  const date = new Date(seconds * 1000).toUTCString().replace('GMT', '+0000');
  return `${name} (${version}) unstable; urgency=medium

  * What changed for its users is in the project's CHANGELOG.md.

 -- ${maintainer(name)}  ${date}
`;
}

function maintainer(name) {
  return /^Maintainer: (.*)$/m.exec(readFileSync(`${sourceOf(name)}/control`, 'utf8'))[1];
}

function putControl(stage, { name }, version) {
  const files = filesOf(stage);
  const bytes = files.reduce((sum, file) => sum + statSync(join(stage, file)).size, 0);
  const sums = files.map((file) => {
    const sum = createHash('md5')
      .update(readFileSync(join(stage, file)))
      .digest('hex');
    return `${sum}  ${file}\n`;
  });
  put(stage, 'DEBIAN/md5sums', sums.join(''));
  const configuration = files.filter((file) => file.startsWith('etc/'));
  if (configuration.length > 0) {
    put(stage, 'DEBIAN/conffiles', configuration.map((file) => `/${file}\n`).join(''));
  }
  const control = readFileSync(`${sourceOf(name)}/control`, 'utf8')
    .replace('@VERSION@', version)
    .replace('@SIZE@', String(Math.ceil(bytes / 1024)));
  put(stage, 'DEBIAN/control', control);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    cpSync(`${sourceOf(name)}/${script}`, join(stage, 'DEBIAN', script));
  }
}

/** Plain files, sorted. */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Whatever the modes in a clone and the umask are. */
function setModes(stage) {
  chmodSync(stage, 0o755);
  for (const entry of readdirSync(stage, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const isProgram = entry.isDirectory() || readFileSync(path, 'latin1').startsWith('#!');
    chmodSync(path, isProgram ? 0o755 : 0o644);
  }
}

function put(stage, file, contents) {
  mkdirSync(dirname(join(stage, file)), { recursive: true });
  writeFileSync(join(stage, file), contents);
}

function putZipped(stage, file, text) {
  put(stage, file, gzipSync(text, { level: 9 }));
}
