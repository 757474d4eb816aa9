// Where this machine names a proxy, which the agent does not use. sudo hides the variables of whoever
// calls it, so that files and units are looked at, too. A proxy's address may hold a password: nothing
// but names is told.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A text, and where it is from. */
export type Source = readonly [from: string, text: string];

const variable = /^(?:[ \t]*export[ \t]+)?"?((?:https?|all)_proxy)=["']?[^\s"']/gim;
/** In both of the ways that apt.conf(5) has, but for DIRECT, which is none. */
const aptProxy = /\b(?:(https?)::)?proxy\s+"(?!direct")[^"]/gi;
/** What a text in quotes holds, as an address does, is none. */
const aptTextOrComment = /("[^"\n]*")|\/\/.*|#.*|\/\*[^]*?\*\//g;

/** What names a proxy: "https_proxy (/etc/environment)". */
export function proxiesIn(variables: readonly Source[], apt: readonly Source[]): readonly string[] {
  const named = variables.flatMap(([from, text]) =>
    [...text.matchAll(variable)].map(([, name]) => `${name} (${from})`),
  );
  const ofApt = apt.flatMap(([from, text]) =>
    [...text.replace(aptTextOrComment, '$1').matchAll(aptProxy)].map(
      ([, kind = 'http']) => `apt's ${kind} proxy (${from})`,
    ),
  );
  return [...new Set([...named, ...ofApt])];
}

/** What it finds on this machine. */
export function readProxies(): readonly string[] {
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  const ofUnit = call('systemctl', 'show', '--value', '-p', 'Environment', 'punnet-agent.service');
  const variables: readonly Source[] = [
    ['the environment', environment.join('\n')],
    ['punnet-agent.service', ofUnit.replaceAll(' ', '\n')],
    ['systemd', call('systemctl', 'show-environment')],
    ...filesOf('/etc/environment', '/etc/profile.d', '/etc/environment.d'),
  ];
  return proxiesIn(variables, filesOf('/etc/apt/apt.conf', '/etc/apt/apt.conf.d'));
}

function call(file: string, ...words: readonly string[]): string {
  return spawnSync(file, words, { encoding: 'utf8' }).stdout ?? '';
}

/** Of files, and of those in folders; what may not be read, or is not there, says nothing. */
function filesOf(...paths: readonly string[]): readonly Source[] {
  return paths.flatMap((path) => {
    try {
      return readdirSync(path).flatMap((name) => textOf(join(path, name)));
    } catch {
      return textOf(path);
    }
  });
}

function textOf(file: string): readonly Source[] {
  try {
    return [[file, readFileSync(file, 'utf8')]];
  } catch {
    return [];
  }
}
