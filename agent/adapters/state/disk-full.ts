// A disk that has no room: it may have some again, and neither a peer nor what was to be written is at fault.

/** This node has no room for something; the message says for what. */
export class DiskFullError extends Error {
  override readonly name = 'DiskFullError';
  readonly code = 'ENOSPC';
}

/** Whether the disk, or this user's part of it, was full, whoever handed that on. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isFull = 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
  return isFull || isDiskFull(error.cause);
}
