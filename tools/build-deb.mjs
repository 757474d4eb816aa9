// Builds the scheduler's package for Debian, of bundles and the files in deploy/debian, with nothing
// but dpkg-deb. The same commit gives the same bytes: SOURCE_DATE_EPOCH, or else the commit's time,
// is the one time in it.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { copyrightOf } from './deb-copyright.mjs';
import { manPage } from './man-page.mjs';
import { bundle, forNode20, filesBeside } from './bundle.mjs';

const name = 'punnet-scheduler';
const share = 'usr/share/punnet';
const programs = `${share}/scheduler/bin`;
const documents = `usr/share/doc/${name}`;

/** Files as they are: where they come from, and where they go. */
const copies = [
  // Bundles find these where the project and its packages have them: two folders up.
  ...filesBeside.map(([from, to]) => [from, `${share}/${to}`]),
  [`deploy/debian/${name}.service`, `usr/lib/systemd/system/${name}.service`],
  [`deploy/debian/${name}.sysusers`, `usr/lib/sysusers.d/${name}.conf`],
  [`deploy/debian/${name}.default`, `etc/default/${name}`],
  ['deploy/debian/README.Debian', `${documents}/README.Debian`],
  ['deploy/prometheus', `${documents}/examples/prometheus`],
  ['deploy/grafana', `${documents}/examples/grafana`],
];

async function main() {
  const { values } = parseArgs({ options: { to: { type: 'string', default: 'dist' } } });
  const seconds = sourceDate();
  const version = `${JSON.parse(readFileSync('package.json', 'utf8')).version}+${stamp(seconds)}`;
  const stage = mkdtempSync(join(tmpdir(), 'punnet-deb-'));
  try {
    const inputs = await putPrograms(stage);
    for (const [from, to] of copies) cpSync(from, join(stage, to), { recursive: true });
    put(stage, `${documents}/copyright`, copyrightOf(inputs));
    putZipped(stage, `${documents}/changelog.gz`, changelog(version, seconds));
    putManPages(stage, { version, seconds });
    putControl(stage, version);
    setModes(stage);
    const file = join(values.to, `${name}_${version}_all.deb`);
    mkdirSync(values.to, { recursive: true });
    // A better compression takes three seconds more, for a third of a megabyte.
    const words = ['--root-owner-group', '-Zxz', '-z1', '--build', stage, file];
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(seconds) };
    execFileSync('dpkg-deb', words, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    process.stdout.write(`${file}\n`);
  } finally {
    rmSync(stage, { recursive: true });
  }
}

function sourceDate() {
  const given = process.env.SOURCE_DATE_EPOCH;
  const words = ['log', '-1', '--format=%ct'];
  const text = given ?? spawnSync('git', words, { encoding: 'utf8' }).stdout;
  if (/^\d+\s*$/.test(text ?? '')) return Number(text);
  process.stderr.write(
    `build-deb: wanted the time of the sources, in seconds; SOURCE_DATE_EPOCH is ${given ?? 'not set, and git does not tell'}: set it.\n`,
  );
  process.exit(1);
}

/** Later commits are newer versions for apt. */
function stamp(seconds) {
  return new Date(seconds * 1000).toISOString().replaceAll(/\D/g, '').slice(0, 12);
}

async function putPrograms(stage) {
  const entries = {
    'punnet-scheduler': 'scheduler/main.ts',
    'snapshot-worker': 'scheduler/adapters/journal/snapshot-worker.ts',
    'solver-thread': 'scheduler/adapters/plan/solver-thread.ts',
    punnet: 'scheduler/cli/main.ts',
  };
  const inputs = new Set();
  for (const [program, entry] of Object.entries(entries)) {
    const file = join(stage, programs, `${program}.cjs`);
    for (const input of await bundle(entry, file, forNode20)) inputs.add(input);
    // The Node that the package depends on, whatever else is first in somebody's PATH.
    const text = readFileSync(file, 'utf8').replace(/^#!.*/, '#!/usr/bin/node');
    writeFileSync(file, text);
  }
  mkdirSync(join(stage, 'usr/bin'));
  for (const program of ['punnet', 'punnet-scheduler']) {
    symlinkSync(
      `../${programs.slice('usr/'.length)}/${program}.cjs`,
      join(stage, 'usr/bin', program),
    );
  }
  return [...inputs];
}

function putManPages(stage, { version, seconds }) {
  const help = (program, ...words) =>
    execFileSync(process.execPath, [join(stage, programs, `${program}.cjs`), ...words, '--help'], {
      encoding: 'utf8',
    });
  const facts = { version, date: new Date(seconds * 1000).toISOString().slice(0, 10) };
  const commands = [['backup'], ['restore'], ['nats-config'], ['overlay', 'init']];
  const more = commands.map((words) => help(name, ...words));
  const pages = [
    {
      ...{ program: 'punnet', section: '1', helps: [help('punnet')] },
      purpose: 'run jobs on a federation of donated Raspberry Pis',
    },
    {
      ...{ program: name, section: '8', helps: [help(name), ...more] },
      purpose: 'the scheduler of a Punnet federation',
    },
  ];
  for (const page of pages) {
    const { program, section } = page;
    const file = `usr/share/man/man${section}/${program}.${section}.gz`;
    putZipped(stage, file, manPage({ ...page, ...facts }));
  }
}

function changelog(version, seconds) {
  const date = new Date(seconds * 1000).toUTCString().replace('GMT', '+0000');
  return `${name} (${version}) unstable; urgency=medium

  * What changed for its users is in the project's CHANGELOG.md.

 -- ${maintainer()}  ${date}
`;
}

function maintainer() {
  return /^Maintainer: (.*)$/m.exec(readFileSync('deploy/debian/control', 'utf8'))[1];
}

function putControl(stage, version) {
  const files = filesOf(stage);
  const bytes = files.reduce((sum, file) => sum + statSync(join(stage, file)).size, 0);
  const sums = files.map((file) => {
    const sum = createHash('md5')
      .update(readFileSync(join(stage, file)))
      .digest('hex');
    return `${sum}  ${file}\n`;
  });
  put(stage, 'DEBIAN/md5sums', sums.join(''));
  put(stage, 'DEBIAN/conffiles', `/etc/default/${name}\n`);
  const control = readFileSync('deploy/debian/control', 'utf8')
    .replace('@VERSION@', version)
    .replace('@SIZE@', String(Math.ceil(bytes / 1024)));
  put(stage, 'DEBIAN/control', control);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    cpSync(`deploy/debian/${script}`, join(stage, 'DEBIAN', script));
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

await main();
