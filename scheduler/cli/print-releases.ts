// How releases look.
import type { ReleaseFile } from '../../proto/gen/punnet/v1/release_service.ts';
import type { CliIo } from './io.ts';
import { bytesText, table } from './print.ts';

/** One line a file, the newest release first. */
export function releasesText(io: CliIo, files: readonly ReleaseFile[]): string {
  if (files.length === 0) return 'no releases yet: punnet release publish\n';
  const sorted = files.toSorted((a, b) => b.serial - a.serial);
  const rows = sorted.map(({ name, version, kind, architecture, sizeBytes }) => [
    ...[name, version, kind, architecture],
    bytesText(sizeBytes),
  ]);
  return table(io, ['name', 'version', 'kind', 'architecture', 'size'], rows);
}

/** All of each file. */
export function releaseText(io: CliIo, files: readonly ReleaseFile[]): string {
  const rows = files.map((file) => [
    ...[file.name, file.version, file.architecture],
    ...[String(file.sizeBytes), file.sha256, file.hook],
  ]);
  return table(io, ['name', 'version', 'architecture', 'bytes', 'sha-256', 'hook'], rows);
}
