// Errors of the API in Google's form: a status code, a sentence, and details of google.rpc in the
// `grpc-status-details-bin` trailer. ErrorInfo is always there, with the code as its reason.

import { Metadata, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  QuotaFailure,
  ResourceInfo,
} from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import type { CommandRefusal, RefusalCode } from '../core/index.ts';

export interface Violation {
  /** As in the message's JSON: `spec.tasks.inputs[2]`. */
  readonly field: string;
  readonly description: string;
}

/** One more message of google.rpc, encoded. */
interface Detail {
  readonly typeUrl: string;
  readonly value: Buffer;
}

/** An error that is told to the caller as it stands. */
export class ApiError extends Error {
  readonly code: status;
  /** UPPER_SNAKE_CASE, for programs. */
  readonly reason: string;
  readonly details: readonly Detail[];

  constructor(
    code: status,
    message: string,
    more: { readonly reason: string; readonly details?: readonly Detail[] },
  ) {
    super(message);
    this.code = code;
    this.reason = more.reason;
    this.details = more.details ?? [];
  }
}

/** One mistake, or all mistakes, of a request. */
export function invalid(violations: readonly Violation[]): ApiError {
  const message = violations.map(({ field, description }) => `${field}: ${description}`).join('\n');
  const fieldViolations = violations.map((each) => ({ ...each, reason: '' }));
  const bytes = BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish();
  const details = [detail('BadRequest', bytes)];
  return new ApiError(status.INVALID_ARGUMENT, message, { reason: 'INVALID', details });
}

const listings: Readonly<Record<string, string>> = {
  job: 'punnet jobs',
  node: 'punnet nodes',
  site: 'punnet sites',
  token: 'punnet token list',
};

/** What was asked for is not there, or not the caller's; a hint takes the place of where to look. */
export function notFound(resourceType: string, resourceName: string, given = ''): ApiError {
  const listing = listings[resourceType];
  const hint = given === '' && listing !== undefined ? `: see "${listing}"` : given;
  const description = `There is no ${resourceType} ${resourceName}${hint}.`;
  const bytes = ResourceInfo.encode({
    resourceType,
    resourceName,
    owner: '',
    description,
  }).finish();
  const details = [detail('ResourceInfo', bytes)];
  return new ApiError(status.NOT_FOUND, description, { reason: 'NOT_FOUND', details });
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

/** A "no" of the core; `parent` is the field of the request that its field is in. */
export function fromRefusal(refusal: CommandRefusal, parent = ''): ApiError {
  const name = refusal.field.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const field = [parent, name].filter((part) => part !== '').join('.');
  const details = refusalDetails(refusal, field);
  const reason = refusal.code.toUpperCase();
  return new ApiError(refusalStatuses[refusal.code], refusal.reason, { reason, details });
}

function refusalDetails({ code, reason }: CommandRefusal, field: string): readonly Detail[] {
  const description = reason;
  switch (code) {
    case 'invalid': {
      const fieldViolations = [{ field, description }];
      const bytes = BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish();
      return [detail('BadRequest', bytes)];
    }
    case 'failed_precondition': {
      const violations = [{ type: 'FEDERATION', subject: field, description }];
      return [detail('PreconditionFailure', PreconditionFailure.encode({ violations }).finish())];
    }
    case 'exhausted': {
      const failure = QuotaFailure.fromPartial({ violations: [{ subject: field, description }] });
      return [detail('QuotaFailure', QuotaFailure.encode(failure).finish())];
    }
    case 'not_found':
    case 'already_exists': {
      const resourceType = field.replace(/^.*\.|Id$/g, '');
      const info = ResourceInfo.fromPartial({ resourceType, description });
      return [detail('ResourceInfo', ResourceInfo.encode(info).finish())];
    }
    default:
      return [];
  }
}

/** What the codes of the blob store and the loop are to a caller. */
const knownStatuses: Readonly<Record<string, status>> = {
  wrong_hash: status.INVALID_ARGUMENT,
  too_short: status.INVALID_ARGUMENT,
  too_long: status.INVALID_ARGUMENT,
  invalid: status.INVALID_ARGUMENT,
  offset: status.ABORTED,
  not_found: status.NOT_FOUND,
  disk_full: status.RESOURCE_EXHAUSTED,
  damaged: status.DATA_LOSS,
  unavailable: status.UNAVAILABLE,
};

/** The error as it is told to the caller; undefined: it is our own fault. */
export function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const code = knownStatuses[String(error.code)];
  if (code === undefined) return undefined;
  return new ApiError(code, error.message, { reason: String(error.code).toUpperCase() });
}

/** Whatever was thrown, as gRPC wants it. Our own faults are told without their insides. */
export function toServiceError(error: unknown): Partial<ServiceError> {
  const known = asApiError(error) ?? ourFault();
  const { code, message } = known;
  const info = { reason: known.reason, domain: 'punnet', metadata: {} };
  const details = [detail('ErrorInfo', ErrorInfo.encode(info).finish()), ...known.details];
  const metadata = new Metadata();
  const bytes = Status.encode({ code, message, details }).finish();
  metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  return { code, details: message, metadata };
}

function ourFault(): ApiError {
  const message = 'The scheduler failed at this request: its log says why. Try again later.';
  return new ApiError(status.INTERNAL, message, { reason: 'INTERNAL' });
}

function detail(name: string, bytes: Uint8Array): Detail {
  return { typeUrl: `type.googleapis.com/google.rpc.${name}`, value: Buffer.from(bytes) };
}
