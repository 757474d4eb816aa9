// The two jobs of the demo: their inputs, their job files, and the check of what they left.

import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import * as picture from './picture.ts';
import * as words from './words.ts';

export interface DemoJob {
  readonly name: string;
  readonly file: string;
  /** What it is, for whoever watches. */
  readonly title: string;
  /** Of each task alone, about. */
  readonly ownInputBytes: number;
  /** Compares the fetched outputs with a computation on this machine; throws when they differ. */
  check(fetched: string, signal: AbortSignal): Promise<string>;
}

/** How large the demo is. */
export interface Scale {
  /** Of each site. */
  readonly nodes: number;
  readonly strips: number;
  readonly shards: number;
  readonly shardBytes: number;
}

/** Where the demo's scripts are, and where a job's files go. */
interface Where {
  readonly source: string;
  readonly folder: string;
}

/** The JSON mapping of punnet.v1.JobSpec. */
interface JobFile {
  readonly name: string;
  readonly [field: string]: unknown;
}

const limits = { memory: '256 MB', timeout: '5 min' };
const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/** Little data, much work. */
export function makePictureJob({ source, folder }: Where, strips: number): DemoJob {
  const inputs = join(folder, 'picture');
  mkdirSync(inputs);
  picture.makePictureBundle(source, join(inputs, 'tachyon'));
  picture.makePictureInputs(inputs, strips);
  const file = writeJob(inputs, {
    name: 'picture',
    bundles: { [architecture]: { file: 'tachyon' } },
    command: ['/bundle/bin/render.sh', '{input}'],
    tasks: { inputs: ['strips/*.camera'] },
    sharedInputs: [{ file: 'objects.scene' }],
    outputs: ['strip.rgb.gz'],
    profile: { work: '8 GHz*s', output: '40 kB' },
    ...limits,
  });
  let direct: Promise<Buffer> | undefined;
  const check = async (fetched: string, signal: AbortSignal): Promise<string> => {
    const pixels = picture.joinStrips(filesOf(fetched, 'strip.rgb.gz'));
    picture.writePng(join(folder, 'picture.png'), pixels);
    direct ??= picture.renderDirectly(inputs, join(folder, 'direct'), signal);
    if (!pixels.equals(await direct)) {
      throw new Error('the picture differs from the one rendered here');
    }
    return `${strips} strips, ${pixels.length} bytes of pixels: the same as rendered here without Punnet.`;
  };
  const title = `a ray-traced picture in ${strips} strips`;
  return { name: 'picture', title, ownInputBytes: 100, file, check };
}

/** Much data, little work. */
export function makeWordsJob(
  { source, folder, texts }: Where & { readonly texts: string },
  scale: Scale,
): DemoJob {
  const inputs = join(folder, 'words');
  mkdirSync(join(inputs, 'count/bin'), { recursive: true });
  copyFileSync(join(source, 'count.sh'), join(inputs, 'count/bin/count.sh'));
  const shards = join(inputs, 'shards');
  words.makeShards(texts, shards, scale);
  const file = writeJob(inputs, {
    name: 'words',
    bundles: { [architecture]: { file: 'count' } },
    command: ['/bundle/bin/count.sh', '{input}'],
    tasks: { inputs: ['shards/*.txt'] },
    outputs: ['counts.gz'],
    profile: { work: '1 GHz*s', output: '25 kB' },
    ...limits,
  });
  const check = (fetched: string): Promise<string> => {
    const counts = words.addCounts(filesOf(fetched, 'counts.gz'));
    const direct = words.countDirectly(shards);
    const isSame = counts.size === direct.size;
    if (!isSame || [...direct].some(([word, count]) => counts.get(word) !== count)) {
      throw new Error('the word counts differ from those counted here');
    }
    const top = [...direct].sort((a, b) => b[1] - a[1]).slice(0, 5);
    const list = top.map(([word, count]) => `${word} ${count}`).join(', ');
    return Promise.resolve(
      `${counts.size} different words: the same as counted here without Punnet. Most frequent: ${list}.`,
    );
  };
  const megabytes = (scale.shards * scale.shardBytes) / 1e6;
  const title = `word counts over ${megabytes} MB of text in ${scale.shards} shards`;
  return { name: 'words', title, ownInputBytes: scale.shardBytes, file, check };
}

function writeJob(folder: string, job: JobFile): string {
  const file = join(folder, `${job.name}.yaml`);
  writeFileSync(file, stringify(job));
  return file;
}

/** The named output of each task, in the order of the tasks. */
function filesOf(folder: string, output: string): readonly string[] {
  const indexes = readdirSync(folder)
    .map(Number)
    .sort((a, b) => a - b);
  return indexes.map((index) => join(folder, String(index), output));
}
