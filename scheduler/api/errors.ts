// Errors of the API in Google's form: a status code, google.rpc.BadRequest for fields, and
// google.rpc.ErrorInfo with the code as reason, in the `grpc-status-details-bin` trailer.

import { Metadata, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import type { CommandRefusal, RefusalCode } from '../core/index.ts';

export interface Violation {
  /** As in the message's JSON: `tasks.inputs[2]`. */
  readonly field: string;
  readonly description: string;
}

const prefix = 'type.googleapis.com/google.rpc.';

/** An error that is told to the caller as it stands. */
export class ApiError extends Error {
  readonly code: status;
  readonly reason: string;
  readonly violations: readonly Violation[];

  constructor(
    code: status,
    message: string,
    details: { readonly reason: string; readonly violations?: readonly Violation[] },
  ) {
    super(message);
    this.code = code;
    this.reason = details.reason;
    this.violations = details.violations ?? [];
  }
}

/** One mistake, or all mistakes, of a request. */
export function invalid(violations: readonly Violation[]): ApiError {
  const message = violations.map((each) => `${each.field}: ${each.description}`).join('\n');
  return new ApiError(status.INVALID_ARGUMENT, message, { reason: 'INVALID', violations });
}

export function notFound(what: string): ApiError {
  return new ApiError(status.NOT_FOUND, `There is no ${what}.`, { reason: 'NOT_FOUND' });
}

const refusalStatuses: Readonly<Record<RefusalCode, status>> = {
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  invalid: status.INVALID_ARGUMENT,
  failed_precondition: status.FAILED_PRECONDITION,
  exhausted: status.RESOURCE_EXHAUSTED,
  token_unknown: status.UNAUTHENTICATED,
  token_expired: status.UNAUTHENTICATED,
  token_used_up: status.UNAUTHENTICATED,
  token_revoked: status.UNAUTHENTICATED,
  token_wrong_role: status.PERMISSION_DENIED,
};

/** A "no" of the core. */
export function fromRefusal({ code, reason, field }: CommandRefusal): ApiError {
  const violations = field === '' ? [] : [{ field, description: reason }];
  return new ApiError(refusalStatuses[code], reason, { reason: code.toUpperCase(), violations });
}

/** Whatever was thrown, as gRPC wants it. Our own faults are told without their insides. */
export function toServiceError(error: unknown): Partial<ServiceError> {
  const known =
    error instanceof ApiError
      ? error
      : new ApiError(status.INTERNAL, error instanceof Error ? error.message : String(error), {
          reason: 'INTERNAL',
        });
  const { code, message } = known;
  const info = { reason: known.reason, domain: 'punnet', metadata: {} };
  const details = [
    { typeUrl: `${prefix}ErrorInfo`, value: Buffer.from(ErrorInfo.encode(info).finish()) },
  ];
  if (known.violations.length > 0) {
    const fieldViolations = known.violations.map(({ field, description }) => ({
      ...{ field, description, reason: '', localizedMessage: undefined },
    }));
    const value = Buffer.from(BadRequest.encode({ fieldViolations }).finish());
    details.push({ typeUrl: `${prefix}BadRequest`, value });
  }
  const metadata = new Metadata();
  const bytes = Status.encode({ code, message, details }).finish();
  metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  return { code, details: message, metadata };
}
