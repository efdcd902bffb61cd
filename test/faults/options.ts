/** `--name value` and `--flag`, after the command's name. */
export class FaultOptions {
  constructor(private readonly values: ReadonlyMap<string, string>) {}

  /** @throws Error naming the option when it is no number within the range */
  number(name: string, otherwise: number, { min = 0, max = 1_000_000 } = {}): number {
    const text = this.values.get(name);
    if (text === undefined) return otherwise;
    const value = Number(text);
    if (text === '' || !Number.isFinite(value) || value < min || value > max) {
      throw new Error(`--${name} must be a number from ${String(min)} to ${String(max)}, not "${text}"`);
    }
    return value;
  }

  text(name: string): string | undefined {
    return this.values.get(name);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }
}

/** @throws Error for what is no option */
export function readOptions(args: readonly string[]): FaultOptions {
  const values = new Map<string, string>();
  let name: string | undefined;
  for (const arg of args) {
    if (arg.startsWith('--')) {
      name = arg.slice(2);
      values.set(name, '');
    } else if (name !== undefined) {
      values.set(name, arg);
      name = undefined;
    } else throw new Error(`"${arg}" belongs to no option`);
  }
  return new FaultOptions(values);
}
