// The CPU-heavy job: a picture ray-traced in strips by Tachyon. Makes its bundle and inputs, renders
// the same strips on this machine to compare, and puts them together into a PNG.

import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { realpathSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import PQueue from 'p-queue';
import { PNG } from 'pngjs';
import { cameraText, objectsText } from './scene.ts';

const run = promisify(execFile);

const width = 960;
/** As in render.sh. */
const stripHeight = 30;
const stripBytes = 3 * width * stripHeight;
const tachyon = '/usr/bin/tachyon-nox';

/** Puts Tachyon and the libraries it needs beside the C library into a folder. */
export function makePictureBundle(source: string, folder: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  mkdirSync(join(folder, 'lib'), { recursive: true });
  copyFileSync(tachyon, join(folder, 'bin/tachyon'));
  copyFileSync(join(source, 'render.sh'), join(folder, 'bin/render.sh'));
  for (const line of execFileSync('ldd', [tachyon], { encoding: 'utf8' }).split('\n')) {
    const library = /=> (\/\S+) \(/.exec(line)?.[1];
    // What belongs to the C library is on every node.
    if (library === undefined || /^lib(c|m|mvec|pthread|z)\.so/.test(basename(library))) continue;
    copyFileSync(realpathSync(library), join(folder, 'lib', basename(library)));
  }
}

/** Writes the scene, which all strips share, and a camera for each strip, the top one first. */
export function makePictureInputs(folder: string, stripCount: number): void {
  writeFileSync(join(folder, 'objects.scene'), objectsText());
  const strips = join(folder, 'strips');
  mkdirSync(strips);
  for (let strip = 0; strip < stripCount; strip += 1) {
    const top = 1 - strip / stripCount;
    const camera = { width, height: stripHeight, bottom: top - 1 / stripCount, top };
    writeFileSync(join(strips, `${String(strip).padStart(2, '0')}.camera`), cameraText(camera));
  }
}

/** The pixels of the strips that the tasks left, in order, as 8-bit RGB. */
export function joinStrips(files: readonly string[]): Buffer {
  return Buffer.concat(files.map((file) => gunzipSync(readFileSync(file))));
}

/** The same strips rendered here in `target`, by the installed Tachyon and without Punnet. */
export async function renderDirectly(
  inputs: string,
  target: string,
  signal: AbortSignal,
): Promise<Buffer> {
  mkdirSync(target);
  const objects = readFileSync(join(inputs, 'objects.scene'));
  const queue = new PQueue({ concurrency: availableParallelism() });
  const strips = readdirSync(join(inputs, 'strips')).sort();
  const rendered = strips.map((name) => {
    const camera = readFileSync(join(inputs, 'strips', name));
    const scene = join(target, `${name}.scene`);
    const image = join(target, `${name}.ppm`);
    writeFileSync(scene, Buffer.concat([camera, objects]));
    const words = [scene, '-numthreads', '1', '-format', 'PPM', '-o', image];
    return queue.add(async () => {
      await run(tachyon, words, { signal });
      return readFileSync(image).subarray(-stripBytes);
    });
  });
  return Buffer.concat(await Promise.all(rendered));
}

/** Writes 8-bit RGB pixels as a PNG. */
export function writePng(file: string, pixels: Buffer): void {
  const height = pixels.length / (3 * width);
  const png = new PNG({ width, height });
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    pixels.copy(png.data, 4 * pixel, 3 * pixel, 3 * pixel + 3);
    png.data[4 * pixel + 3] = 255;
  }
  writeFileSync(file, PNG.sync.write(png));
}
