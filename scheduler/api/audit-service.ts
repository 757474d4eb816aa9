// punnet.v1.AuditService, for operators: who changed what.

import type { AuditServiceServer } from '../../proto/gen/punnet/v1/audit_service.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { invalid } from './errors.ts';
import { pageSize, pageToken, readPageToken } from './pages.ts';
import { parseQuantity, span, wrongQuantity } from './quantities.ts';

export function auditService(deps: ApiDeps): AuditServiceServer {
  return {
    listAuditEntries: unary(deps, (request, caller) => {
      mustBeOperator(caller);
      const { since } = request;
      const spanMs = since === '' ? Number.POSITIVE_INFINITY : parseQuantity(since, span);
      if (spanMs === null) {
        throw invalid([{ field: 'since', description: wrongQuantity(since, span) }]);
      }
      const limit = pageSize(request.pageSize);
      const list = `audit ${since}`;
      const before = readPageToken(list, request.pageToken);
      const sinceUnixMs = deps.now() - spanMs;
      const found = deps.audit.read({ before, sinceUnixMs, limit: limit + 1 });
      const entries = found.slice(0, limit);
      const last = entries.at(-1);
      const isMore = found.length > limit && last !== undefined;
      return { entries: [...entries], nextPageToken: isMore ? pageToken(list, last.number) : '' };
    }),
  };
}
