/**
 * `npm run faults -- <what> [options]`: prepares the checkout, compiles test/faults beside the built programs and runs
 * it (`npm run faults -- history --seed 1 --minutes 10 --sessions 3`; without a name it tells what there is).
 */
import { orExit, prepare } from './prepare.mjs';
import { runTestProgram } from './prepare/run-test-program.mjs';

const { chromePath } = await orExit(prepare);
await runTestProgram('test/faults', chromePath);
