// Who may do what. The secret never gets here: only its SHA-256.

import type { Instant, SiteId, TokenId } from './ids.ts';

export const tokenRoles = ['node', 'researcher', 'operator'] as const;
export type TokenRole = (typeof tokenRoles)[number];

export interface Token {
  readonly tokenId: TokenId;
  /** SHA-256 of the secret, hexadecimal. */
  readonly hash: string;
  readonly role: TokenRole;
  /** Of the researcher or operator; empty for a node's token. */
  readonly name: string;
  /** Where a node's token enrols; null: a site of the node's own. */
  readonly siteId: SiteId | null;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  /** Enrolments left of a node's token; null: any number. */
  readonly usesLeft: number | null;
  readonly isRevoked: boolean;
}
