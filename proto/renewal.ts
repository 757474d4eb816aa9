// What a node signs when it asks for new credentials.

/** The text; `requestSha256` is of its certificate request, 64 hexadecimal digits. */
export function renewalText(nodeId: string, requestSha256: string): string {
  return `punnet renew ${nodeId} ${requestSha256}`;
}
