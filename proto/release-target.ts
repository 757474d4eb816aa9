// What the signed list of targets says of one file of a release, beside its hash and its size. The
// operator's program writes it, scheduler and nodes read it; pure, and nothing in it is believed before
// the list's signature was checked.

/** `agent`: the agent itself. `files`: a tar that is unpacked, and a program in it that is told of it. */
export type ReleaseKind = 'agent' | 'files';

/** One file of a release; the name of the release and its version are those of its path. */
export interface ReleaseTarget {
  readonly name: string;
  readonly version: string;
  readonly kind: ReleaseKind;
  /** `all`, or one of a node's inventory, such as `armv6l`. */
  readonly architecture: string;
  /** Of the list that it came with: a node never goes back to a lower one, whatever it is told. */
  readonly serial: number;
  /** A tar, not compressed, so that its chunks stay the same where its files do. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Of its index in content-defined chunks (.caibx); empty, and 0 bytes: it has none. */
  readonly indexSha256: string;
  readonly indexBytes: number;
  /** Path in the tar of the program that is run after a change; empty: none. */
  readonly hook: string;
}

/** What TUF's list has of a file. */
export interface ListedFile {
  readonly length: number;
  readonly hashes: Readonly<Record<string, string>>;
  readonly custom: Readonly<Record<string, unknown>>;
}

/** The only release whose files replace the agent. */
export const agentRelease = 'agent';
export const releaseNameForm = /^[a-z][a-z0-9-]{0,39}$/;
/** The ends of files that stand beside a version's folder are none of a version. */
export const releaseVersionForm = /^[0-9](?!.*\.(tar|caibx|part|tmp|new)$)[0-9A-Za-z.+~-]{0,39}$/;
const architectureForm = /^[a-z0-9_]{1,20}$/;
const sha256Form = /^[0-9a-f]{64}$/;
/** A path of some plain words, inside the tar. */
const hookForm = /^([A-Za-z0-9_-][A-Za-z0-9._-]*(\/(?!$)|$)){0,8}$/;

/** Path of a file in the list. */
export function targetPath({ name, version, architecture }: ReleaseTarget): string {
  return `${name}/${version}/${architecture}.tar`;
}

/** As it stands in the list. */
export function listed(target: ReleaseTarget): ListedFile {
  const { kind, serial, indexSha256, indexBytes, hook } = target;
  return {
    length: target.sizeBytes,
    hashes: { sha256: target.sha256 },
    custom: { kind, serial, indexSha256, indexBytes, hook },
  };
}

/** Reads an entry of the list; a string says what is wrong with it. */
export function readTarget(path: string, file: ListedFile): ReleaseTarget | string {
  const [, name = '', version = '', architecture = ''] =
    /^([^/]+)\/([^/]+)\/([^/]+)\.tar$/.exec(path) ?? [];
  const isPath =
    releaseNameForm.test(name) &&
    releaseVersionForm.test(version) &&
    architectureForm.test(architecture);
  if (!isPath) return `${path}: wanted NAME/VERSION/ARCHITECTURE.tar`;
  const { length: sizeBytes, hashes } = file;
  const { kind, serial, indexSha256, indexBytes, hook } = file.custom;
  const sha256 = hashes['sha256'] ?? '';
  if (!sha256Form.test(sha256)) return `${path}: wanted its SHA-256, found none`;
  if (kind !== 'agent' && kind !== 'files') {
    return `${path}: wanted the kind agent or files, found ${String(kind)}`;
  }
  if ((kind === 'agent') !== (name === agentRelease)) {
    return `${path}: the release ${agentRelease}, and no other, is of the kind agent`;
  }
  if (!isCount(serial) || !isCount(sizeBytes)) {
    return `${path}: wanted its serial and its size, as whole numbers from 1`;
  }
  if (!isIndex(indexSha256, indexBytes)) {
    return `${path}: wanted the SHA-256 and the size of its index, or that it has none`;
  }
  if (typeof hook !== 'string' || !hookForm.test(hook)) {
    return `${path}: wanted a hook's path inside of the tar, found ${String(hook)}`;
  }
  const of = { name, version, architecture, kind, hook } as const;
  const index = { indexSha256: String(indexSha256), indexBytes: Number(indexBytes) };
  return { ...of, serial, sha256, sizeBytes, ...index };
}

function isIndex(sha256: unknown, bytes: unknown): boolean {
  if (sha256 === '') return bytes === 0;
  return typeof sha256 === 'string' && sha256Form.test(sha256) && isCount(bytes);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
