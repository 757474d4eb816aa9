// A node's certificate request (PKCS #10): only its public key is used, once its signature has shown
// that the sender has the private one.

import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** A P-256 request with a name takes 200 to 300. */
const maxBytes = 1_024;

/** A node asked for what it can't have; told to it. */
export class CertificateRequestError extends Error {
  override readonly name = 'CertificateRequestError';
}

function bad(found: string, cause?: unknown): CertificateRequestError {
  const wanted = 'wanted a certificate request (PKCS #10, DER) for a P-256 key, signed with it';
  return new CertificateRequestError(`${wanted}, found ${found}: update the agent`, { cause });
}

/** The public key of a request. Throws a CertificateRequestError for a bad one. */
export async function requestedKey(der: Uint8Array): Promise<x509.PublicKey> {
  if (der.length === 0) throw bad('none');
  if (der.length > maxBytes) throw bad(`${der.length} bytes`);
  const { request, publicKey } = parse(der);
  const { name, namedCurve } = { namedCurve: '', ...publicKey.algorithm };
  if (name !== 'ECDSA' || namedCurve !== 'P-256') {
    throw bad(`a key of ${namedCurve === '' ? name : namedCurve}`);
  }
  if (await isSigned(request)) return publicKey;
  throw bad('a signature of another key');
}

function parse(der: Uint8Array) {
  try {
    const request = new x509.Pkcs10CertificateRequest(Uint8Array.from(der));
    return { request, publicKey: request.publicKey };
  } catch (error) {
    throw bad(`${der.length} other bytes`, error);
  }
}

async function isSigned(request: x509.Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await request.verify();
  } catch {
    // No signature at all, or no point on the curve.
    return false;
  }
}
