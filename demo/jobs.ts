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
  /** Compares the fetched outputs with a computation on this machine; throws when they differ. */
  check(fetched: string): Promise<string>;
}

/** The JSON mapping of punnet.v1.JobSpec. */
interface JobFile {
  readonly name: string;
  readonly [field: string]: unknown;
}

const limits = { memory: '256 MB', timeout: '5 min' };
const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/** Little data, much work. */
export function makePictureJob(source: string, folder: string): DemoJob {
  const inputs = join(folder, 'picture');
  mkdirSync(inputs);
  picture.makePictureBundle(source, join(inputs, 'tachyon'));
  picture.makePictureInputs(inputs);
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
  const check = async (fetched: string): Promise<string> => {
    const pixels = picture.joinStrips(filesOf(fetched, 'strip.rgb.gz'));
    picture.writePng(join(folder, 'picture.png'), pixels);
    if (!pixels.equals(await picture.renderDirectly(inputs, folder))) {
      throw new Error('the picture differs from the one rendered here');
    }
    return `${picture.stripCount} strips, ${pixels.length} bytes of pixels: the same as rendered here without Punnet.`;
  };
  return { name: 'picture', title: 'a ray-traced picture in 24 strips', file, check };
}

/** Much data, little work. */
export function makeWordsJob(source: string, folder: string, texts: string): DemoJob {
  const inputs = join(folder, 'words');
  mkdirSync(join(inputs, 'count/bin'), { recursive: true });
  copyFileSync(join(source, 'count.sh'), join(inputs, 'count/bin/count.sh'));
  const shards = join(inputs, 'shards');
  words.makeShards(texts, shards);
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
  return { name: 'words', title: 'word counts over 36 MB of text in 24 shards', file, check };
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
