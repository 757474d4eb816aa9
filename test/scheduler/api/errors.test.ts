// Errors carry what programs need: ErrorInfo always, and the detail of google.rpc that fits.

import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  QuotaFailure,
  ResourceInfo,
} from '../../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../../proto/gen/google/rpc/status.ts';
import { fromRefusal, invalid, notFound, toServiceError } from '../../../scheduler/api/errors.ts';
import type { RefusalCode } from '../../../scheduler/core/index.ts';

const codecs = { BadRequest, ErrorInfo, PreconditionFailure, QuotaFailure, ResourceInfo };

/** What the trailer of an error says, by the names of its messages. */
function detailsOf(error: unknown): Record<string, unknown> {
  const { metadata } = toServiceError(error);
  const [bytes] = metadata?.get('grpc-status-details-bin') ?? [];
  const found = Status.decode(
    typeof bytes === 'string' ? Buffer.from(bytes) : (bytes ?? Buffer.of()),
  );
  const details: Record<string, unknown> = {};
  for (const [name, codec] of Object.entries(codecs)) {
    const detail = found.details.find(
      ({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`,
    );
    if (detail !== undefined) details[name] = codec.decode(detail.value);
  }
  return details;
}

test('mistakes of a request name each field', () => {
  const error = invalid([
    { field: 'spec.name', description: 'wanted a name' },
    { field: 'requestId', description: 'wanted an id' },
  ]);
  expect(toServiceError(error)).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: 'spec.name: wanted a name\nrequestId: wanted an id',
  });
  expect(detailsOf(error)).toMatchObject({
    ErrorInfo: { reason: 'INVALID', domain: 'punnet' },
    BadRequest: { fieldViolations: [{ field: 'spec.name' }, { field: 'requestId' }] },
  });
});

test('what is not there is named', () => {
  expect(detailsOf(notFound('job', 'j1'))).toMatchObject({
    ErrorInfo: { reason: 'NOT_FOUND' },
    ResourceInfo: {
      resourceType: 'job',
      resourceName: 'j1',
      description: 'There is no job j1: see "punnet jobs".',
    },
  });
});

const refusals: readonly (readonly [RefusalCode, status, object])[] = [
  [
    'invalid',
    status.INVALID_ARGUMENT,
    { BadRequest: { fieldViolations: [{ field: 'spec.siteId' }] } },
  ],
  [
    'failed_precondition',
    status.FAILED_PRECONDITION,
    { PreconditionFailure: { violations: [{ subject: 'spec.siteId' }] } },
  ],
  [
    'exhausted',
    status.RESOURCE_EXHAUSTED,
    { QuotaFailure: { violations: [{ subject: 'spec.siteId' }] } },
  ],
  ['not_found', status.NOT_FOUND, { ResourceInfo: { resourceType: 'site' } }],
  ['already_exists', status.ALREADY_EXISTS, { ResourceInfo: { resourceType: 'site' } }],
];

test.each(refusals)(
  'a refusal of the core (%s) has its status and detail',
  (code, expected, more) => {
    const error = fromRefusal({ kind: 'refused', code, reason: 'no', field: 'site_id' }, 'spec');
    expect(error.code).toBe(expected);
    expect(detailsOf(error)).toMatchObject({ ErrorInfo: { reason: code.toUpperCase() }, ...more });
  },
);

test('our own faults are told without their insides', () => {
  const error = toServiceError(new Error("ENOENT: /var/lib/punnet/secret's path"));
  expect(error).toMatchObject({ code: status.INTERNAL });
  expect(error.details).not.toContain('secret');
  expect(detailsOf(new Error('x'))).toMatchObject({ ErrorInfo: { reason: 'INTERNAL' } });
});
