// The policy that a run is given: one of the scheduler's by its name, with another value of its
// parameter if one is named; or a file of a researcher's own.

import { resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import type { Policy } from '../../scheduler/core/index.ts';
import { policyMakers } from '../../scheduler/core/index.ts';
import { ratioVariants } from '../ablation/ratio-variants.ts';
import { InputError } from '../scenario/read.ts';
import { checkedPolicy } from './checked-policy.ts';

/** "balance", "count-limit=4", or "./mine.ts", which exports `policy`. */
export async function choosePolicy(text: string): Promise<Policy> {
  return isPolicyFile(text) ? readPolicy(text) : namedPolicy(text);
}

/** Of a researcher's own, who may have made any mistake in it. */
export function isPolicyFile(text: string): boolean {
  return /\.[cm]?[jt]s$/.test(text);
}

function namedPolicy(text: string): Policy {
  const variant = ratioVariants.get(text);
  if (variant !== undefined) return variant.policy;
  const [name = '', value, ...more] = text.split('=');
  const maker = policyMakers.get(name);
  if (maker === undefined || more.length > 0) {
    const known = [...policyMakers.keys(), ...ratioVariants.keys()].join(', ');
    throw new InputError(
      `There is no policy "${text}": name one of ${known}, or a file such as ./mine.ts.`,
    );
  }
  const { parameter, make } = maker;
  if (value === undefined) return make(parameter?.value ?? 0);
  if (parameter === null) {
    throw new InputError(`The policy ${name} has no parameter: wanted ${name}, found "${text}".`);
  }
  const number = value === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(number) || number < 0) {
    const example = `${name}=${parameter.value}`;
    throw new InputError(`${parameter.name}: wanted a number as in ${example}, found "${text}".`);
  }
  return make(number);
}

async function readPolicy(file: string): Promise<Policy> {
  const module = await load(file);
  const policy = 'policy' in module ? module.policy : undefined;
  if (isPolicy(policy)) return checkedPolicy(policy, file);
  throw new InputError(
    `${file}: wanted an export "policy" with name, choice (asks 'slot' or 'task', and pick), hold and nextTransfers (scheduler/core/placement/policy.ts), found ${policy === undefined ? 'none' : 'another thing of that name'}.`,
  );
}

async function load(file: string): Promise<object> {
  try {
    const module = await importFile(pathToFileURL(resolve(file)).href);
    return typeof module === 'object' && module !== null ? module : {};
  } catch (cause) {
    throw new InputError(`${file}: cannot load this policy: ${String(cause)}`, { cause });
  }
}

/** Node reads TypeScript from 22.18 on, and what tsx started reads it, too: the built program starts tsx. */
async function importFile(url: string): Promise<unknown> {
  try {
    return await import(url);
  } catch (error) {
    const isUnread = error instanceof Error && 'code' in error;
    if (!isUnread || error.code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error;
    const tsx = await import('tsx/esm/api').catch(() => null);
    if (tsx !== null) return await tsx.tsImport(url, import.meta.url);
    const wanted = 'wanted Node.js 22.18 or newer for a policy in TypeScript, or a clone of Punnet';
    throw new Error(`${wanted}, found ${process.version}`, { cause: error });
  }
}

function isPolicy(value: unknown): value is Policy {
  if (typeof value !== 'object' || value === null) return false;
  const has = (field: string, type: string): boolean =>
    field in value && typeof value[field as keyof typeof value] === type;
  return has('name', 'string') && has('choice', 'object') && hasRules(has) && hasChoice(value);
}

function hasRules(has: (field: string, type: string) => boolean): boolean {
  return has('hold', 'function') && has('nextTransfers', 'function');
}

function hasChoice(policy: object): boolean {
  const choice = 'choice' in policy ? policy.choice : null;
  if (typeof choice !== 'object' || choice === null) return false;
  const asks = 'asks' in choice ? choice.asks : null;
  return (
    (asks === 'slot' || asks === 'task') && 'pick' in choice && typeof choice.pick === 'function'
  );
}
