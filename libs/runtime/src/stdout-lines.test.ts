import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wagate-stdout-'));
  const source = await readFile(new URL('./stdout-lines.ts', import.meta.url), 'utf8');
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext } });
  await writeFile(join(folder, 'lines.mjs'), outputText);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a process of its own writes, however it ends. */
async function outputOf(program: string): Promise<string[]> {
  const file = join(folder, 'program.mjs');
  await writeFile(file, `import { writeToStdout } from './lines.mjs';\n${program}`);
  const { stdout } = await run(process.execPath, [file], { timeout: 120_000 }).catch(
    (error: { stdout: string }) => error,
  );
  return stdout.split('\n').filter((line) => line !== '');
}

describe('lines on stdout', () => {
  it.each(['', 'process.exit(1);', "throw new Error('boom');"])(
    'are all there, in order, also at the end: %s',
    async (end) => {
      const write = 'for (let i = 0; i < 5_000; i += 1) writeToStdout(`line ${i}\\n`);';
      const lines = Array.from({ length: 5_000 }, (_, i) => `line ${String(i)}`);
      expect(await outputOf(`${write}\n${end}`)).toEqual(lines);
    },
  );
});
