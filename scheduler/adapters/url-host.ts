// Hosts in addresses.

/** A host as it stands before ":port": IPv6 in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** How this machine reaches what listens on this address of its own. */
export function localHost(listen: string): string {
  return listen === '0.0.0.0' || listen === '::' ? 'localhost' : listen;
}
