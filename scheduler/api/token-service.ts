// punnet.v1.TokenService, for operators: how nodes enrol and researchers prove who they are.

import { randomBytes } from 'node:crypto';
import type {
  CreateTokenRequest,
  CreateTokenResponse,
  TokenServiceServer,
} from '../../proto/gen/punnet/v1/token_service.ts';
import type { TokenRole } from '../core/index.ts';
import { instant, siteId, tokenId } from '../core/index.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';
import { fromRefusal, invalid, notFound } from './errors.ts';
import { roleOf, toToken } from './messages.ts';
import { page } from './pages.ts';
import { parseQuantity, span, wrongQuantity } from './quantities.ts';

const defaultExpiry = '7 days';
const maxTokenMs = 400 * 8.64e7;
const maxUses = 1_000;

export function tokenService(deps: ApiDeps): TokenServiceServer {
  return {
    createToken: unary(deps, (request: CreateTokenRequest, caller) => {
      mustBeOperator(caller);
      return createToken(deps, request);
    }),
    listTokens: unary(deps, (request, caller) => {
      mustBeOperator(caller);
      const { items, nextPageToken } = page('tokens', deps.view().tokens(), request);
      return { tokens: items.map(toToken), nextPageToken };
    }),
    revokeToken: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const id = tokenId(request.tokenId);
      if (deps.view().token(id) === undefined) throw notFound('token', request.tokenId);
      const answer = await deps.submit({ kind: 'revokeToken', tokenId: id });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      if (answer.kind !== 'token') throw new Error(`a revocation was answered with ${answer.kind}`);
      return { token: toToken(answer.token) };
    }),
  };
}

async function createToken(
  deps: ApiDeps,
  request: CreateTokenRequest,
): Promise<CreateTokenResponse> {
  const { role, spanMs } = checkToken(request);
  const secret = deps.makeToken();
  const answer = await deps.submit({
    kind: 'createToken',
    tokenId: tokenId(`t${randomBytes(5).toString('hex')}`),
    hash: deps.hashToken(secret),
    role,
    name: request.name,
    siteId: request.siteId === '' ? null : siteId(request.siteId),
    expiresAt: instant(deps.now() + spanMs),
    uses: role === 'node' ? Math.max(1, request.uses) : null,
  });
  if (answer.kind === 'refused') throw fromRefusal(answer);
  if (answer.kind !== 'token') throw new Error(`a new token was answered with ${answer.kind}`);
  const url = role === 'node' ? deps.enrolUrl : deps.endpoint;
  const { caPem, hasInstaller } = deps;
  return { token: toToken(answer.token), secret, url, caPem, hasInstaller };
}

/** Throws all mistakes of a request at once. */
function checkToken(request: CreateTokenRequest): {
  readonly role: TokenRole;
  readonly spanMs: number;
} {
  const violations: Violation[] = [];
  const no = (field: string, description: string): void => {
    violations.push({ field, description });
  };
  const role = roleOf(request.role);
  const expiresIn = request.expiresIn === '' ? defaultExpiry : request.expiresIn;
  const spanMs = parseQuantity(expiresIn, span);
  if (role === null) no('role', 'wanted a node, a researcher or an operator');
  if (role !== 'node' && !/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/.test(request.name)) {
    no('name', `wanted 1 to 63 letters, digits, ".", "_", "@" or "-", found "${request.name}"`);
  }
  if (spanMs === null) no('expiresIn', wrongQuantity(expiresIn, span));
  else if (spanMs <= 0 || spanMs > maxTokenMs) {
    no('expiresIn', `wanted more than 0, at most 400 days, found "${expiresIn}"`);
  }
  if (request.uses < 0 || request.uses > maxUses) {
    no('uses', `wanted 1 to ${maxUses}, found ${request.uses}`);
  }
  if (role !== 'node' && (request.siteId !== '' || request.uses !== 0)) {
    no('uses', "site and uses are for a node's token");
  }
  if (violations.length > 0 || role === null || spanMs === null) throw invalid(violations);
  return { role, spanMs };
}
