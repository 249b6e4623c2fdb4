/** The networks that BEP 42 exempts: 10/8, 127/8, 169.254/16, 172.16/12, 192.168/16. */
const LOCAL = /^(10|127|169\.254|172\.(1[6-9]|2[0-9]|3[01])|192\.168)\./;

/**
 * True for a dotted IPv4 address that no node on the Internet has: private, link-local or loopback (BEP 42,
 * "Enforcement", http://bittorrent.org/beps/bep_0042.html).
 *
 * False for 100.64/10 (RFC 6598), as in BEP 42: a provider puts thousands of strangers there.
 */
export function isLocalAddress(host: string): boolean {
  return LOCAL.test(host);
}

/**
 * False for a dotted IPv4 address that no host has: "this network" (0/8), and multicast or reserved (224/3).
 */
export function isHostAddress(host: string): boolean {
  const first = Number.parseInt(host, 10);
  return first > 0 && first < 224;
}

/** The /24 of a dotted IPv4 address, as its first three numbers: `192.0.2` for `192.0.2.7`. */
export function subnetOf(host: string): string {
  return host.slice(0, host.lastIndexOf('.'));
}
