import ipaddr from 'ipaddr.js';

/** True for an address or CIDR range, IPv4 or IPv6. */
export function isAddressRange(text: string): boolean {
  return ipaddr.isValid(text)
    ? ipaddr.IPv4.isValidFourPartDecimal(text) || text.includes(':')
    : ipaddr.isValidCIDR(text);
}

/** True when `address` is one of `allowed` or lies in one of its ranges; IPv4 in IPv6 clothing counts as IPv4. */
export function isAllowedAddress(address: string, allowed: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const given = ipaddr.process(address);
  return allowed.some((entry) => {
    const [range, bits] = entry.includes('/') ? ipaddr.parseCIDR(entry) : [ipaddr.process(entry), undefined];
    if (given.kind() !== range.kind()) return false;
    return given.match(range, bits ?? (given.kind() === 'ipv4' ? 32 : 128));
  });
}
