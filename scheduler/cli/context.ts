// Context files: which scheduler, which CA, whose token. Kept in ~/.config/punnet, mode 0600.
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { badInput, codeOf } from './errors.ts';
import type { CliIo } from './io.ts';

/** Where a scheduler is, what signs its certificate, and who asks. */
export interface Context {
  readonly name: string;
  readonly endpoint: string;
  readonly caPem: string;
  readonly token: string;
}

const wanted: Readonly<Record<keyof Context, { readonly form: RegExp; readonly words: string }>> = {
  name: { form: /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/, words: 'letters, digits and . _ @ -' },
  endpoint: { form: /^[^\s/]+:\d+$/, words: 'host:port' },
  caPem: { form: /-----BEGIN CERTIFICATE-----/, words: 'a PEM certificate' },
  token: { form: /^\S+$/, words: 'a token' },
};

const whence =
  'a scheduler writes its own to <data>/operator.context, and an operator makes more ' +
  '(punnet token create --researcher NAME --to FILE)';

type Env = CliIo['env'];

/** The folder of this user's settings. */
export function configFolder(env: Env): string {
  const base = env['XDG_CONFIG_HOME'];
  if (base !== undefined && base !== '') return path.join(base, 'punnet');
  return path.join(env['HOME'] ?? homedir(), '.config', 'punnet');
}

/** Reads and checks a context file. Throws a CliError that names the file and each bad field. */
export async function readContextFile(file: string): Promise<Context> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw badInput(`${file}: cannot read this context file (${codeOf(cause)}): ${whence}`, cause);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badInput(
      `${file}: wanted a context file in JSON, found something else: ${whence}`,
      cause,
    );
  }
  return checkContext(file, json);
}

function checkContext(file: string, json: unknown): Context {
  const found = new Map<string, unknown>(
    typeof json === 'object' && json !== null ? Object.entries(json) : [],
  );
  const problems: string[] = [];
  const read = (field: keyof Context): string => {
    const value = found.get(field);
    const { form, words } = wanted[field];
    if (typeof value === 'string' && form.test(value)) return value;
    problems.push(
      `${file}: ${field}: wanted ${words}, found ${value === undefined ? 'none' : 'something else'}`,
    );
    return '';
  };
  const context = {
    name: read('name'),
    endpoint: read('endpoint'),
    caPem: read('caPem'),
    token: read('token'),
  };
  if (problems.length > 0) throw badInput(problems.join('\n'));
  return context;
}

/** Writes a context file that only its owner can read; replaces it whole. */
export async function writeContextFile(file: string, context: Context): Promise<void> {
  await writePrivate(file, contextText(context));
}

/** The text of a context file. */
export function contextText(context: Context): string {
  return JSON.stringify(context, undefined, 2) + '\n';
}

/**
 * Keeps a context; the first one becomes the current one. Returns whether it is current. One of the
 * same name is replaced only by one of the same federation: its CA, whatever its address is by now.
 */
export async function addContext(env: Env, context: Context): Promise<boolean> {
  const { name, endpoint, caPem } = context;
  const file = storedPath(env, name);
  const kept = (await listContexts(env)).includes(name) ? await readStored(env, name) : context;
  if (kept.caPem.trim() !== caPem.trim()) {
    throw badInput(
      `context "${name}" is kept already, for another scheduler (${kept.endpoint}; this one: ${endpoint}): ` +
        `give the new file another "name", or remove ${file} first`,
    );
  }
  await writeContextFile(file, context);
  if ((await currentName(env)) === undefined) await useContext(env, context.name);
  return (await currentName(env)) === context.name;
}

/** Makes a stored context the current one. Throws when there is none of that name. */
export async function useContext(env: Env, name: string): Promise<void> {
  if (!(await listContexts(env)).includes(name)) throw unknownContext(name);
  await writePrivate(path.join(configFolder(env), 'current'), name + '\n');
}

/** The names of the stored contexts, sorted. */
export async function listContexts(env: Env): Promise<readonly string[]> {
  const names = await readdir(path.join(configFolder(env), 'contexts')).catch(() => []);
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
}

/** The name of the current context, if one was chosen. */
export async function currentName(env: Env): Promise<string | undefined> {
  const text = await readFile(path.join(configFolder(env), 'current'), 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
}

/** The context to use: --context FILE|NAME, then PUNNET_CONTEXT_FILE, then the current one. */
export async function findContext(env: Env, option: string | undefined): Promise<Context> {
  if (option !== undefined) {
    if ((await listContexts(env)).includes(option)) return readStored(env, option);
    if (!option.includes('/') && !option.includes('.')) throw unknownContext(option);
    return readContextFile(option);
  }
  const file = env['PUNNET_CONTEXT_FILE'];
  if (file !== undefined && file !== '') return readContextFile(file);
  const name = await currentName(env);
  if (name !== undefined) return readStored(env, name);
  throw badInput(
    'no context: get a context file from an operator, then "punnet context add FILE" ' +
      '(a scheduler writes its own to <data>/operator.context)',
  );
}

/** A stored context by its name. */
export async function readStored(env: Env, name: string): Promise<Context> {
  return readContextFile(storedPath(env, name));
}

function storedPath(env: Env, name: string): string {
  return path.join(configFolder(env), 'contexts', `${name}.json`);
}

async function writePrivate(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}

function unknownContext(name: string): Error {
  return badInput(`no context is named "${name}": see "punnet context list"`);
}
