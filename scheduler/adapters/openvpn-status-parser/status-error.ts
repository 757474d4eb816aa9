// Why a text is not the whole status of an OpenVPN server.

/** `torn`: it was read while the server wrote it, and is to be read again. `malformed`: reading it
 * again would bring the same, unless a file was torn inside a line. */
export type StatusErrorCode = 'torn' | 'malformed';

export interface StatusFlaw {
  /** Counted from 1. */
  readonly line: number;
  /** The column's name; empty when no one value is at fault. */
  readonly field?: string;
  readonly wanted: string;
  readonly found: string;
}

/** A text of a status is quoted this far: names are a client's to choose. */
const quotedLength = 60;

export class StatusError extends Error {
  readonly code: StatusErrorCode;
  readonly line: number;
  readonly field: string;

  constructor(code: StatusErrorCode, { line, field = '', wanted, found }: StatusFlaw) {
    const place = field === '' ? `line ${line}` : `line ${line}, ${field}`;
    const remedy = code === 'torn' ? ': it was read while it was written, read it again' : '';
    super(`OpenVPN status, ${place}: wanted ${wanted}, found ${found}${remedy}`);
    this.name = 'StatusError';
    this.code = code;
    this.line = line;
    this.field = field;
  }
}

export function malformed(flaw: StatusFlaw): StatusError {
  return new StatusError('malformed', flaw);
}

export function torn(flaw: StatusFlaw): StatusError {
  return new StatusError('torn', flaw);
}

/** What may be an address, or a part of one: hexadecimal digits with two separators or more. */
const addressLike = /[0-9a-f]*(?:[.:][0-9a-f]*){2,}/gi;

/** A text of the status in a message, without the addresses of homes: messages go into logs. */
export function quoted(text: string): string {
  const bare = text.replaceAll(addressLike, '<address>');
  const isLong = bare.length > quotedLength;
  return JSON.stringify(isLong ? `${bare.slice(0, quotedLength)}…` : bare);
}
