// Who wrote what is in a package for Debian, and under which licence: the project, and each npm
// package that a bundle took something of.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const own = `Punnet is under the Apache License, version 2.0: see
/usr/share/common-licenses/Apache-2.0. Its programs hold parts of the npm
packages below.
`;

/** The text, given the files that bundles were made of. */
export function copyrightOf(inputs) {
  const folders = new Set(
    inputs.flatMap((file) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  return [own, ...[...folders].sort().map(noticeOf)].join('\n');
}

function noticeOf(folder) {
  const { name, version, license, author } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const heading = `${'-'.repeat(72)}\n${name} ${version}: ${license}\n`;
  if (file === undefined) {
    const by = typeof author === 'string' ? author : author?.name;
    return `${heading}\nCopyright: ${by ?? 'the authors of ' + name}\n`;
  }
  // Debian has the text of this one.
  if (license === 'Apache-2.0') return `${heading}See /usr/share/common-licenses/Apache-2.0.\n`;
  return `${heading}\n${readFileSync(join(folder, file), 'utf8').replaceAll('\r', '').trim()}\n`;
}
