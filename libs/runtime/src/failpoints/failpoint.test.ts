import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../test/support/temporary-folder.js';
import { waitFor } from '../../../../test/support/wait-for.js';
import { armFailpoints, failpoint, FAILPOINTS } from './index.js';

const POINT = 'api.accept.before-commit';

afterEach(() => armFailpoints({}));

describe('failpoints', () => {
  it('do nothing unless set', () => {
    for (const name of Object.keys(FAILPOINTS)) expect(failpoint(name as typeof POINT)).toBeUndefined();
  });

  it('act at the hit that was named, and only at the point that was named', async () => {
    armFailpoints({ WAGATE_FAILPOINTS: `${POINT}=error@2+20ms,seed=3` });
    await failpoint(POINT);
    await failpoint('api.accept.after-commit');
    await expect(failpoint(POINT)).rejects.toThrow(POINT);
    await failpoint(POINT);
  });

  it('are refused in production, and when the plan is not one', () => {
    const arm = (plan: string, NODE_ENV = 'test') => {
      armFailpoints({ WAGATE_FAILPOINTS: plan, NODE_ENV });
    };
    expect(() => arm(`${POINT}=kill`, 'production')).toThrow('refused in production');
    expect(() => arm('api.nothing=kill')).toThrow('there is no failpoint "api.nothing"');
    expect(() => arm(`${POINT}=stop`)).toThrow('is not of the form');
    expect(() => arm(`${POINT}=kill(5)`)).toThrow('only a pause has a length');
    expect(() => arm(`${POINT}=kill@0`)).toThrow('hits count from 1');
    expect(failpoint(POINT)).toBeUndefined();
  });
});

describe('failpoints of a file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder('wagate-failpoints-');
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('hold a pause until it is taken back, and note the hit', async () => {
    const file = join(folder, 'plan');
    await writeFile(file, '');
    armFailpoints({ WAGATE_FAILPOINTS: `@${file}` });
    await failpoint(POINT);
    await writeFile(file, `${POINT}=pause`);
    let isPast = false;
    const held = failpoint(POINT)?.then(() => (isPast = true));
    await waitFor(() => readFile(`${file}.hits`, 'utf8'), { what: 'the hit' });
    expect(isPast).toBe(false);
    await writeFile(file, '');
    await held;
    expect(await readFile(`${file}.hits`, 'utf8')).toBe(`${POINT} pause\n`);
  });

  it('kill a process so that nothing after them runs', async () => {
    const program = `
      import { armFailpoints, failpoint } from '#runtime';
      armFailpoints(process.env);
      await failpoint('${POINT}');
      console.log('went on');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, WAGATE_FAILPOINTS: `${POINT}=kill`, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect({ signal, said }).toEqual({ signal: 'SIGKILL', said: `failpoint ${POINT} kill\n` });
  });
});

describe('the list of failpoints', () => {
  it('names each point that is in the code, once', async () => {
    const sources = (
      await Promise.all(
        ['apps', 'libs'].map(async (top) =>
          (await readdir(top, { recursive: true })).map((name) => join(top, name)),
        ),
      )
    )
      .flat()
      .filter((path) => /\/src\/.*\.ts$/.test(path) && !path.endsWith('.test.ts'));
    const texts = await Promise.all(sources.map((path) => readFile(path, 'utf8')));
    const placed = texts.flatMap((text) =>
      [...text.matchAll(/await failpoint\('([^']+)'\)/g)].map(([, name]) => name),
    );
    expect(placed.sort()).toEqual(Object.keys(FAILPOINTS).sort());
  });
});
