// Why a release is not installed. What is installed goes on as it is.

export type ReleaseProblem =
  | 'signature'
  | 'expired'
  | 'rollback'
  | 'mix'
  | 'oversize'
  | 'damaged'
  | 'unreachable'
  | 'unknown'
  | 'disk'
  | 'hook';

export class ReleaseError extends Error {
  override readonly name = 'ReleaseError';
  readonly code: ReleaseProblem;

  constructor(code: ReleaseProblem, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
