// Who calls: a bearer token, known by its hash, with a role.

import type { Metadata } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { TokenRole } from '../core/index.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError } from './errors.ts';

export interface Principal {
  readonly role: Exclude<TokenRole, 'node'>;
  readonly name: string;
  readonly tokenId: string;
}

/** The caller. Throws UNAUTHENTICATED with what to do. */
export function authenticate(deps: ApiDeps, metadata: Metadata): Principal {
  const header = metadata.get('authorization')[0];
  const secret = /^Bearer (\S+)$/.exec(typeof header === 'string' ? header : '')?.[1];
  const ask = 'ask an operator for a new context file (punnet token create --researcher NAME)';
  if (secret === undefined) {
    throw refuse('TOKEN_MISSING', 'Wanted "authorization: Bearer TOKEN": add a context first.');
  }
  const token = deps.view().tokenByHash(deps.hashToken(secret));
  if (token === undefined) throw refuse('TOKEN_UNKNOWN', `This token is unknown here: ${ask}.`);
  if (token.isRevoked) throw refuse('TOKEN_REVOKED', `This token was revoked: ${ask}.`);
  if (token.expiresAt <= deps.now()) {
    throw refuse('TOKEN_EXPIRED', `This token has expired: ${ask}.`);
  }
  if (token.role === 'node') {
    throw refuse(
      'TOKEN_WRONG_ROLE',
      `This is a node's token; here a researcher's is wanted: ${ask}.`,
    );
  }
  return { role: token.role, name: token.name, tokenId: token.tokenId };
}

function refuse(reason: string, message: string): ApiError {
  return new ApiError(status.UNAUTHENTICATED, message, { reason });
}

export function mustBeOperator(principal: Principal): void {
  if (principal.role === 'operator') return;
  throw new ApiError(status.PERMISSION_DENIED, "Only an operator's token may do this.", {
    reason: 'NOT_OPERATOR',
  });
}
