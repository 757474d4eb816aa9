// Branded names and instants, so that one kind can't be passed for another. They cost nothing at
// run time: a brand exists only in the type.

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

export type NodeId = Branded<string, 'NodeId'>;
export type SiteId = Branded<string, 'SiteId'>;
export type JobId = Branded<string, 'JobId'>;
export type TokenId = Branded<string, 'TokenId'>;
/** The generation of a lease: it grows with each lease that the scheduler ever granted. */
export type LeaseId = Branded<number, 'LeaseId'>;
/** 64 lower-case hexadecimal digits. */
export type Sha256 = Branded<string, 'Sha256'>;
/** Milliseconds since the epoch. */
export type Instant = Branded<number, 'Instant'>;

// The constructors below are the one place where a plain value becomes a branded one: they are
// called by whoever has just validated it (the edge), or read it from the scheduler's own journal.
export const nodeId = (text: string): NodeId => text as NodeId;
export const siteId = (text: string): SiteId => text as SiteId;
export const jobId = (text: string): JobId => text as JobId;
export const tokenId = (text: string): TokenId => text as TokenId;
export const leaseId = (generation: number): LeaseId => generation as LeaseId;
export const sha256 = (hex: string): Sha256 => hex as Sha256;
export const instant = (unixMs: number): Instant => unixMs as Instant;
