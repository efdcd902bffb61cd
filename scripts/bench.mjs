/**
 * `npm run bench`: prepares the checkout, compiles test/bench beside the built programs and runs it
 * (`npm run bench -- accept dispatch --json`; without names all but `fifty`).
 */
import { orExit, prepare } from './prepare.mjs';
import { runTestProgram } from './prepare/run-test-program.mjs';

const { chromePath } = await orExit(prepare);
await runTestProgram('test/bench', chromePath);
