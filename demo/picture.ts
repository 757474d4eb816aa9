// The CPU-heavy job: a picture ray-traced in strips by POV-Ray. Makes its bundle, puts the strips
// together into a PNG, and renders the same picture on this machine to compare.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { crc32, deflateSync, gunzipSync } from 'node:zlib';

export const width = 960;
export const height = 720;
export const strips = 24;

/** Puts POV-Ray, the libraries it loads and their loader into a folder. */
export function makePovrayBundle(source: string, folder: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  mkdirSync(join(folder, 'lib'), { recursive: true });
  copyFileSync('/usr/bin/povray', join(folder, 'bin/povray'));
  copyFileSync(join(source, 'render.sh'), join(folder, 'bin/render.sh'));
  for (const line of execFileSync('ldd', ['/usr/bin/povray'], { encoding: 'utf8' }).split('\n')) {
    const library = /(?:=> )?(\/\S+) \(/.exec(line)?.[1];
    if (library === undefined) continue;
    const isLoader = basename(library).startsWith('ld-linux');
    const name = isLoader ? 'loader' : basename(library);
    copyFileSync(realpathSync(library), join(folder, 'lib', name));
  }
}

/** The pixels of the strips, in order, as 8-bit RGB. */
export function joinStrips(files: readonly string[]): Buffer {
  return Buffer.concat(files.map((file) => gunzipSync(readFileSync(file))));
}

/** The same picture in one piece, rendered here. */
export function renderDirectly(source: string, folder: string): Buffer {
  const target = join(folder, 'direct.ppm');
  const size = [`+W${width}`, `+H${height}`];
  execFileSync(
    'povray',
    [`+I${join(source, 'scene.pov')}`, `+O${target}`, '+FP', ...size, '-D', '-GA', '-A'],
    { stdio: 'ignore' },
  );
  return readFileSync(target).subarray(-3 * width * height);
}

/** Writes 8-bit RGB pixels as a PNG (RFC 2083). */
export function writePng(file: string, pixels: Buffer): void {
  const rows: Buffer[] = [];
  for (let y = 0; y < height; y += 1) {
    rows.push(Buffer.from([0]), pixels.subarray(3 * width * y, 3 * width * (y + 1)));
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.concat(rows));
  const parts = [chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))];
  writeFileSync(file, Buffer.concat([signature, ...parts]));
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), body.length + 4);
  return frame;
}
