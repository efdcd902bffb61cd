import { percentile, nowMs } from './statistics.js';
import { PostConnection, type PostTarget } from './post-connection.js';
import { treeCpuSeconds } from './process-tree.js';

export const CONNECTIONS = 32;

export interface LoadTarget extends PostTarget {
  body: object;
  /** Process trees whose CPU time is counted, by name. */
  processes: Record<string, number>;
}

export interface LoadResult {
  accepted: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** CPU microseconds of a process tree for each accepted request. */
  cpuUs: Record<string, number>;
}

async function cpuOf(processes: Record<string, number>): Promise<Record<string, number>> {
  const entries = Object.entries(processes).map(
    async ([name, pid]) => [name, await treeCpuSeconds(pid)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

let lastKey = 0;

function nextKey(): string {
  lastKey += 1;
  return `bench-${String(process.pid)}-${String(lastKey)}`;
}

async function postUntil(
  connection: PostConnection,
  body: object,
  untilMs: number,
  latencies: number[],
): Promise<void> {
  for (let sentAt = nowMs(); sentAt < untilMs; sentAt = nowMs()) {
    const answer = await connection.post(nextKey(), body);
    if (answer.status !== 202) {
      throw new Error(`not accepted: ${String(answer.status)} ${answer.body.slice(0, 300)}`);
    }
    latencies.push(nowMs() - sentAt);
  }
}

/**
 * Posts for `seconds` over 32 keep-alive connections, each request with an idempotency key of its own.
 * @throws Error when anything but 202 comes back
 */
export async function postFor(target: LoadTarget, seconds: number): Promise<LoadResult> {
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => PostConnection.open(target)),
  );
  const latencies: number[] = [];
  try {
    const before = await cpuOf(target.processes);
    const startedAt = nowMs();
    const untilMs = startedAt + seconds * 1000;
    await Promise.all(connections.map((one) => postUntil(one, target.body, untilMs, latencies)));
    const tookSeconds = (nowMs() - startedAt) / 1000;
    const after = await cpuOf(target.processes);
    const spent = Object.entries(after).map(
      ([name, end]) => [name, ((end - (before[name] ?? 0)) / latencies.length) * 1e6] as const,
    );
    return {
      accepted: latencies.length,
      perSecond: latencies.length / tookSeconds,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      cpuUs: Object.fromEntries(spent),
    };
  } finally {
    for (const connection of connections) connection.close();
  }
}
