/** Where tests start browsers, or whole systems of many processes: their files have the machine to themselves. */
export const ALONE_FOLDERS = ['apps/session-node/test', 'apps/simulator/test', 'test/e2e', 'test/faults'];

export const ALONE = ALONE_FOLDERS.map((folder) => `${folder}/**/*.test.ts`);

/** Of these, what waits for most of its time, for a minute of doubt to pass: it may do so beside others. */
export const WAITING = ['test/e2e/kill-nine.test.ts'];

/** Units that keep state in modules, as the page's do: each of their files has a process of its own. */
export const APART = ['apps/{session-node,simulator}/src/**/*.test.ts'];

/** Every test file. */
export const TESTS = ['{apps,libs,scripts}/**/*.test.ts', 'test/{e2e,contract,faults}/**/*.test.ts'];
