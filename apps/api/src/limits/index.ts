export { LimitsModule } from './limits.module.js';
export { setRateLimitHeaders } from './rate-limit-headers.js';
export { RateLimiter } from './rate-limiter.js';
