/** Where tests start browsers, or whole systems of many processes: their files have the machine to themselves. */
export const ALONE_FOLDERS = ['apps/session-node/test', 'apps/simulator/test', 'test/e2e', 'test/faults'];

export const ALONE = ALONE_FOLDERS.map((folder) => `${folder}/**/*.test.ts`);

/** Every test file. */
export const TESTS = ['{apps,libs,scripts}/**/*.test.ts', 'test/{e2e,contract,faults}/**/*.test.ts'];
