import { splitCpuSeconds } from './process-tree.js';

/** Who shares a contender's work. The simulator runs in the harness, with what posts or times messages. */
export const CPU_PARTS = ['api', 'node', 'Postgres', 'browsers', 'harness'] as const;
export type CpuPart = (typeof CPU_PARTS)[number];
/** Processor time of each part; one that a contender does not have is left out. */
export type CpuSplit = Partial<Record<CpuPart, number>>;

export interface ContenderPids {
  api?: number;
  /** The browsers are its descendants. */
  node: number;
  postgres?: number;
}

/** Processor time used so far, ms. */
export async function cpuSplit({ api, node, postgres }: ContenderPids): Promise<CpuSplit> {
  const { user, system } = process.cpuUsage();
  const ofNode = await splitCpuSeconds(node);
  const ofApi = api === undefined ? undefined : await splitCpuSeconds(api);
  const ofPostgres = postgres === undefined ? undefined : await splitCpuSeconds(postgres);
  return {
    ...(ofApi && { api: ofApi.own * 1000 }),
    node: ofNode.own * 1000,
    ...(ofPostgres && { Postgres: (ofPostgres.own + ofPostgres.descendants) * 1000 }),
    browsers: ofNode.descendants * 1000,
    harness: (user + system) / 1000,
  };
}

/** What was used between two moments, ms for each of `count` messages. */
export function cpuEach(before: CpuSplit, after: CpuSplit, count: number): CpuSplit {
  const parts = CPU_PARTS.filter((part) => after[part] !== undefined);
  return Object.fromEntries(parts.map((part) => [part, ((after[part] ?? 0) - (before[part] ?? 0)) / count]));
}

export function cpuTotal(split: CpuSplit): number {
  return Object.values(split).reduce((total, part) => total + part, 0);
}
