const COLOURS = [36, 33, 35, 32, 34];
const NAME_WIDTH = 12;

/** One line of the launcher's own. */
export function report(line: string): void {
  process.stdout.write(`wagate: ${line}\n`);
}

/** Writes a part's lines under its name. */
export function partWriter(name: string, index: number): (line: string) => void {
  const label = name.padEnd(NAME_WIDTH);
  const colour = COLOURS[index % COLOURS.length] ?? 0;
  const head = process.stdout.isTTY ? `\u001b[${colour}m${label}\u001b[0m` : label;
  return (line) => process.stdout.write(`${head} | ${line}\n`);
}
