// An answer of the HTTPS port other than success.

/** Its status, and what went wrong. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  /** Of the request; empty when no one field is at fault. */
  readonly field: string = '';

  constructor(status: number, code: string, reason: string) {
    super(reason);
    this.status = status;
    this.code = code;
  }
}
