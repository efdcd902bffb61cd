import { lookup, type LookupAddress } from 'node:dns';
import { Resolver as Resolver4And6 } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Which addresses this process may connect to for a URL that a tenant gave. */
export interface AddressPolicy {
  /** True lets any address and port through: for tests and development. */
  allowPrivate: boolean;
}

/** A URL points where this process must not connect. The message never says where that is. */
export class ForbiddenUrlError extends Error {
  override readonly name = 'ForbiddenUrlError';
}

/** True for an address of the public internet; loopback, private, link-local, mapped and reserved ones are none. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_IPV6);
}

/** What IANA has given out for global use; `::127.0.0.1` and other forms that nobody may use lie outside. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Reads a tenant's URL: http or https, no credentials, ports 80 and 443, and no literal address outside the public
 * internet. The WHATWG parser has turned `2130706433`, `0x7f.1`, `①②⑦.⓪.⓪.①` and their like into plain addresses by
 * then. Names are checked when they are resolved, see `publicLookup`.
 * @throws ForbiddenUrlError with the rule that is broken
 */
export function parseOutboundUrl(text: string, policy: AddressPolicy): URL {
  if (!URL.canParse(text)) throw new ForbiddenUrlError('must be a complete URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new ForbiddenUrlError('must be http or https');
  if (url.username || url.password) throw new ForbiddenUrlError('must not contain credentials');
  if (policy.allowPrivate) return url;
  if (url.port !== '' && url.port !== '80' && url.port !== '443')
    throw new ForbiddenUrlError('must use port 80 or 443');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (ipaddr.isValid(host) && !isPublicAddress(host)) throw notPublic();
  return url;
}

function notPublic(): ForbiddenUrlError {
  return new ForbiddenUrlError('must point to the public internet');
}

const DNS_TIMEOUT_MS = 2_000;
const DNS_TRIES = 2;

/** Resolves a name; replaced in tests by one that answers as a hostile name server would. */
export type Resolver = (
  hostname: string,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** As the system resolves names, private ones too; it occupies a thread for as long as a name server takes. */
const systemResolver: Resolver = (hostname, done) => lookup(hostname, { all: true }, done);

/** By DNS alone and without threads: a name server that never answers holds up nobody else's look-ups. */
const dnsResolver: Resolver = (hostname, done) => {
  const names = new Resolver4And6({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  void Promise.allSettled([names.resolve4(hostname), names.resolve6(hostname)]).then(([v4, v6]) => {
    const addresses = [
      ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 })) : []),
      ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 })) : []),
    ];
    const error = v4.status === 'rejected' ? (v4.reason as NodeJS.ErrnoException) : null;
    done(addresses.length > 0 ? null : error, addresses);
  });
};

/**
 * The `lookup` of a connection: every address of the name has to be public, and the connection goes to one of those
 * that were checked, so a name that answers differently a moment later gains nothing.
 */
export function publicLookup(
  policy: AddressPolicy,
  resolver: Resolver = policy.allowPrivate ? systemResolver : dnsResolver,
): LookupFunction {
  return (hostname, options, callback) => {
    resolver(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) {
        callback(error ?? Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), []);
      } else if (!policy.allowPrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
        callback(Object.assign(notPublic(), { code: 'EFORBIDDEN' }), []);
      } else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
