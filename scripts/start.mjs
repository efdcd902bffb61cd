/** `npm start`: prepares the checkout, then runs all of wagate from it until Ctrl-C. */
import { orExit, prepare } from './prepare.mjs';
import { onNpmGone } from './prepare/parent.mjs';
import { dataFolder, root } from './prepare/steps.mjs';

let stop = () => process.exit(1);
onNpmGone(() => stop());
const { chromePath } = await orExit(prepare);
const { runEmbedded } = await import('../dist/scripts/launcher/launch.js');
const running = new AbortController();
stop = () => running.abort();
await runEmbedded({ root, folder: dataFolder, chromePath, signal: running.signal });
