// What can go wrong for a user, as one error type with an exit code, and how gRPC errors become it.
import { status, type ServiceError } from '@grpc/grpc-js';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  QuotaFailure,
} from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';

/** Exit codes for scripts. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  badInput: 2,
  notFound: 3,
  denied: 4,
  unreachable: 5,
  interrupted: 130,
} as const;

/** A mistake or an outside failure that is told in plain words, without a stack trace. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** Bad input: wrong usage, a bad file, a bad value. */
export function badInput(message: string, cause?: unknown): CliError {
  return new CliError(message, exitCodes.badInput, { cause });
}

/** The code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** True for an error that a gRPC call ended with. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}

/** Why, for programs, as the details of an error say it; empty: they don't. */
export function reasonOf(error: ServiceError): string {
  for (const value of error.metadata.get('grpc-status-details-bin')) {
    if (typeof value === 'string') continue;
    const info = Status.decode(value).details.find(({ typeUrl }) => typeUrl.endsWith('ErrorInfo'));
    if (info !== undefined) return ErrorInfo.decode(info.value).reason;
  }
  return '';
}

/** One field that the scheduler refused; `field` is a path of camelCase JSON names. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** The fields that the details of an error name; empty when they name none. */
export function fieldViolations(error: ServiceError): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  for (const value of error.metadata.get('grpc-status-details-bin')) {
    if (typeof value === 'string') continue;
    for (const detail of Status.decode(value).details) violations.push(...violationsIn(detail));
  }
  return violations.filter(({ field }) => field !== '');
}

function violationsIn({ typeUrl, value }: Any): readonly FieldViolation[] {
  const bySubject = ({ subject, description }: { subject: string; description: string }) => ({
    field: subject,
    description,
  });
  switch (typeUrl.replace(/^.*\/google\.rpc\./, '')) {
    case 'BadRequest':
      return BadRequest.decode(value).fieldViolations;
    case 'PreconditionFailure':
      return PreconditionFailure.decode(value).violations.map(bySubject);
    case 'QuotaFailure':
      return QuotaFailure.decode(value).violations.map(bySubject);
    default:
      return [];
  }
}

/** The plain-word form of a gRPC error: what was asked of which endpoint, and what to do. */
export function fromServiceError(error: ServiceError, endpoint: string): CliError {
  const exitCode = exitCodeOf(error.code);
  return new CliError(messageOf(error, endpoint), exitCode, { cause: error });
}

function messageOf(error: ServiceError, endpoint: string): string {
  switch (error.code) {
    case status.UNAVAILABLE:
      return unavailableMessage(error.details, endpoint);
    case status.DEADLINE_EXCEEDED:
      return `the scheduler at ${endpoint} did not answer in time: try again, or check its load`;
    case status.UNAUTHENTICATED:
      return `${endpoint} refuses this context: ${error.details}`;
    case status.UNIMPLEMENTED:
      return `${endpoint} does not know this request: is it a Punnet scheduler of this version?`;
    default:
      return error.details;
  }
}

function unavailableMessage(details: string, endpoint: string): string {
  if (/certificate|altnames|self.signed|issuer/i.test(details)) {
    return (
      `${endpoint} shows a certificate that this context's CA did not sign (${details}): ` +
      'is it the right scheduler? If its data folder is new, add its new context file'
    );
  }
  return (
    `cannot reach the scheduler at ${endpoint} (${causeIn(details)}): check that it runs, ` +
    'and the address with "punnet context show"'
  );
}

/** What the system said, without the words that gRPC puts around it. */
function causeIn(details: string): string {
  return /Last error: (?:Error: )?(.*?)\.? Resolution note:/.exec(details)?.[1] ?? details;
}

function exitCodeOf(code: number): number {
  switch (code) {
    case status.NOT_FOUND:
      return exitCodes.notFound;
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return exitCodes.denied;
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
      return exitCodes.unreachable;
    case status.INVALID_ARGUMENT:
    case status.FAILED_PRECONDITION:
    case status.ALREADY_EXISTS:
    case status.OUT_OF_RANGE:
    case status.RESOURCE_EXHAUSTED:
      return exitCodes.badInput;
    default:
      return exitCodes.failed;
  }
}
