import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const KEPT_IN = '.wagate/faults';

/** A copy of the built programs: a build during a run does not change it, and a run may change it. */
export class ProgramCopy {
  private constructor(
    private readonly root: string,
    /** What `startStack` takes as `programs`. */
    readonly programs: string,
  ) {}

  /** Inside the checkout, where the packages are found. */
  static async make(name: string): Promise<ProgramCopy> {
    const root = join(KEPT_IN, `${name}-${String(process.pid)}-${String(Date.now())}`);
    const programs = join(root, 'dist');
    await mkdir(root, { recursive: true });
    for (const part of ['apps', 'libs'])
      await cp(join('dist', part), join(programs, part), { recursive: true });
    const { type, imports } = JSON.parse(await readFile('package.json', 'utf8')) as Record<string, unknown>;
    await writeFile(join(root, 'package.json'), JSON.stringify({ name: 'wagate-faults', type, imports }));
    return new ProgramCopy(root, programs);
  }

  /**
   * Changes one program.
   * @throws Error when the text is not there exactly once: the program has changed, and the patch with it
   */
  async patch(file: string, before: string, after: string): Promise<void> {
    const path = join(this.programs, file);
    const source = await readFile(path, 'utf8');
    const places = source.split(before).length - 1;
    if (places !== 1) {
      throw new Error(`${file} holds ${String(places)} times what is to be replaced: ${before}`);
    }
    await writeFile(
      path,
      source.replace(before, () => after),
    );
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
