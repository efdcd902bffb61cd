/** `npm start`: prepares the checkout, then runs all of wagate from it until Ctrl-C. */
import { orExit, prepare } from './prepare.mjs';
import { dataFolder, root } from './prepare/steps.mjs';

const { chromePath } = await orExit(prepare);
const { runEmbedded } = await import('../dist/scripts/launcher/launch.js');
await runEmbedded({ root, folder: dataFolder, chromePath });
