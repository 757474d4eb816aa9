// What can go wrong with a blob, each with a code of its own.

export type BlobErrorCode =
  | 'wrong_hash'
  | 'too_short'
  | 'too_long'
  | 'disk_full'
  | 'not_found'
  | 'damaged'
  | 'invalid'
  /** An upload that does not begin where the last one ended. */
  | 'offset'
  | 'io';

export class BlobError extends Error {
  readonly code: BlobErrorCode;

  constructor(code: BlobErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BlobError';
    this.code = code;
  }
}

/** Whatever was thrown, as an error of that blob. */
export function asBlobError(error: unknown, sha256: string): BlobError {
  if (error instanceof BlobError) return error;
  if (['ENOSPC', 'EDQUOT'].includes(codeOf(error))) {
    return new BlobError('disk_full', `blob ${sha256}: the disk is full; free some space`, error);
  }
  return new BlobError('io', `blob ${sha256}: could not be stored; send it again`, error);
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
