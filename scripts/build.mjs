/** `npm run build`: packages and dist/, whatever of it is stale. */
import { orExit, prepareBuild } from './prepare.mjs';

await orExit(prepareBuild);
