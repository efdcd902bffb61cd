import { z } from 'zod';

const MOST_HEADERS = 10;
/** A token of RFC 9110, 5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
const VALUE = /^[\x20-\x7e]{0,1024}$/;
/** What makes up the request itself, says who asks, or is ours. */
const RESERVED =
  /^(host|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|proxy-.*|accept-encoding|user-agent|webhook-.*|forwarded|x-forwarded-.*)$/i;

/** Headers that a tenant wants on every post, such as `Authorization`. */
export const customHeadersSchema = z
  .record(z.string(), z.string().regex(VALUE, 'must be at most 1024 printable ASCII characters'))
  .superRefine((headers, context) => {
    const names = Object.keys(headers);
    if (names.length > MOST_HEADERS)
      context.addIssue({ code: 'custom', message: `must be at most ${String(MOST_HEADERS)} headers` });
    for (const name of names) {
      const rule = ruleOf(name);
      if (rule) context.addIssue({ code: 'custom', path: [name], message: rule });
    }
    if (new Set(names.map((name) => name.toLowerCase())).size < names.length)
      context.addIssue({ code: 'custom', message: 'must not name a header twice' });
  })
  .describe('Sent with every post, for example { "Authorization": "Bearer …" }; stored encrypted');

function ruleOf(name: string): string | undefined {
  if (!NAME.test(name)) return 'is not a header name';
  return RESERVED.test(name) ? 'is set by wagate and cannot be replaced' : undefined;
}
