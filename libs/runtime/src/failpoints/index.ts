export { armFailpoints, failpoint, FAILPOINTS_VARIABLE } from './failpoint.js';
export { FAILPOINTS, type FailpointName } from './failpoint-names.js';
