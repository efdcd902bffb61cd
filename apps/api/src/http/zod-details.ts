import type { ZodError } from 'zod';
import type { ErrorDetail } from '#kernel';

const MOST_DETAILS = 50;
const LONGEST_PATH = 200;

/** What a ZodError says, one entry per broken rule: `path` with dots (`to.phone`, `items.3`), the rule as message. */
export function detailsOf(error: ZodError): ErrorDetail[] {
  return error.issues.slice(0, MOST_DETAILS).flatMap((issue): ErrorDetail[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys
        .slice(0, MOST_DETAILS)
        .map((key) => ({ path: pathOf([...issue.path, key]), message: 'is not a known field' }));
    }
    return [{ path: pathOf(issue.path), message: issue.message }];
  });
}

function pathOf(path: PropertyKey[]): string {
  return path.map(String).join('.').slice(0, LONGEST_PATH);
}
