export { ForbiddenUrlError, parseOutboundUrl, type AddressPolicy } from './address-policy.js';
export { OutboundFetcher, UnreachableUrlError, type FetchedFile } from './outbound-fetcher.js';
export { OutboundPoster, type OutboundPost, type PostResult } from './outbound-poster.js';
