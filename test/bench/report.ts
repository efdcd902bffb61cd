import { cpus, loadavg, totalmem } from 'node:os';
import type { Figure } from './bench-run.js';

export interface BenchReport {
  bench: string;
  startedAt: string;
  seconds: number;
  /** One-minute load averages before and after. */
  load: [before: number, after: number];
  figures: (Figure & { ratio?: number })[];
  notes: string[];
}

export function load(): number {
  return loadavg()[0] ?? Number.NaN;
}

export function machine(): string {
  const [cpu] = cpus();
  const gib = Math.round(totalmem() / 1024 ** 3);
  return `${String(cpus().length)} × ${cpu?.model.trim() ?? '?'}, ${String(gib)} GiB, Node ${process.versions.node}`;
}

export function withRatio(figure: Figure): Figure & { ratio?: number } {
  return figure.baseline === undefined ? figure : { ...figure, ratio: figure.wagate / figure.baseline };
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A Markdown table, as docs/benchmarks.md has them. */
export function toTable(report: BenchReport): string {
  const head = ['', 'wagate', 'baseline', 'ratio', 'aim'];
  const rows = report.figures.map((figure) => [
    [figure.what, figure.beside && `(beside ${figure.beside})`, figure.unit && `[${figure.unit}]`]
      .filter(Boolean)
      .join(' '),
    round(figure.wagate),
    figure.baseline === undefined ? '' : round(figure.baseline),
    figure.ratio === undefined ? '' : `${(figure.ratio * 100).toFixed(0)} %`,
    figure.aim ?? '',
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const { bench, startedAt, seconds, load: loads } = report;
  const title = `## ${bench}: ${startedAt}, ${seconds.toFixed(0)} s, load ${loads.map((one) => one.toFixed(1)).join(' → ')}`;
  return [title, '', line(head), rule, ...rows.map(line), '', ...report.notes, ''].join('\n');
}
