import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from './http-client.js';
import { newPhone, type MessageView } from './session-steps.js';
import type { Stack } from './stack.js';
import { waitFor } from './wait-for.js';

export interface FloodOptions {
  messages: number;
  /** Told now and then how far it is. */
  log?: (line: string) => void;
  /** For all of them to end. */
  deadlineMs: number;
}

export interface FloodResult {
  /** Files by how they ended: `stored`, or a state with its reason. */
  ends: Record<string, number>;
  /** What is wrong: a file that did not end, has other bytes, or gives no reason. Empty is good. */
  faults: string[];
  seconds: number;
  bytes: number;
  /** Resident memory of the two processes over time, in MiB. */
  memory: { api: number[]; node: number[] };
}

/** Of a hundred downloads ten fail: some for once, some for good. */
const FAULTS_PER_HUNDRED = [
  { kind: 'downloadFails', status: 500, times: 3 },
  { kind: 'wrongHash', times: 3 },
  { kind: 'downloadFails', status: 404, times: 2 },
  { kind: 'downloadFails', status: 503, times: 1 },
] as const;
/** Said of a message that is in truth small: 2 GiB. */
const DECLARED = { kind: 'declaredSize', bytes: 2 ** 31, times: 1 } as const;
const SAMPLE_EVERY_MS = 250;
const ARRIVAL_DEADLINE_MS = 120_000;

/** Settings of the api with which a flood ends in minutes; the schedule is the real one. */
export const FLOOD_SETTINGS = { MEDIA_DOWNLOAD_ATTEMPTS: '3', MEDIA_RETRY_FIRST_SECONDS: '1' };

/**
 * Sends files to a connected session of the simulator while one download in ten fails, and looks at how each of them
 * ends: `stored` with the bytes that were sent, or otherwise with a reason.
 */
export async function floodWithMedia(
  stack: Stack,
  client: HttpClient,
  phone: string,
  { messages, log = () => undefined, deadlineMs }: FloodOptions,
): Promise<FloodResult> {
  const startedAt = performance.now();
  const memory = sampleMemory({ api: stack.api.pid, node: stack.node.pid });
  try {
    const sent = new Map<string, string>();
    let bytes = 0;
    const sender = newPhone();
    stack.simulator.network.putAccount({ phone: sender, name: 'Sender' });
    for (let first = 0; first < messages; first += 100) {
      const count = Math.min(100, messages - first);
      await addFaults(stack, phone, count);
      for (let n = first; n < first + count; n += 1) bytes += await sendFile(stack, sender, phone, n, sent);
      // Not far ahead of the downloads, so that the faults meet this hundred.
      await waitFor(async () => (await pending(client)) < 50, {
        what: 'the downloads to follow',
        deadlineMs,
        pollMs: 500,
      });
      log(`${String(first + count)} sent`);
    }
    const ended = await allEnded(client, messages, deadlineMs);
    const { ends, faults } = await judge(client, ended, sent);
    const seconds = (performance.now() - startedAt) / 1_000;
    return { ends, faults, seconds, bytes, memory: memory.samples };
  } finally {
    memory.stop();
  }
}

/** Growth between the first and the last third of a run, by their medians, in MiB. */
export function growthOf(samples: number[]): number {
  const third = Math.floor(samples.length / 3);
  const middle = (part: number[]) => [...part].sort((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0;
  return middle(samples.slice(-third)) - middle(samples.slice(0, third));
}

async function addFaults(stack: Stack, phone: string, count: number): Promise<void> {
  for (const fault of FAULTS_PER_HUNDRED) {
    const times = Math.max(1, Math.round((fault.times * count) / 100));
    await stack.simulated.post('/faults', { ...fault, times, phone });
  }
  await stack.simulated.post('/faults', { ...DECLARED, phone });
}

/** Mostly small, a few of some megabytes. */
function sizeOf(n: number): number {
  if (n % 100 === 50) return 9 * 1024 * 1024;
  return n % 10 === 5 ? 600_000 : 20_000 + (n % 7) * 5_000;
}

async function sendFile(
  stack: Stack,
  from: string,
  to: string,
  n: number,
  sent: Map<string, string>,
): Promise<number> {
  const bytes = randomBytes(sizeOf(n));
  const body = `file-${String(n)}`;
  const media = {
    base64: bytes.toString('base64'),
    mimeType: 'application/octet-stream',
    filename: `${body}.bin`,
  };
  const answer = await stack.simulated.post('/messages', { from, to, type: 'document', body, media });
  if (answer.status !== 201) throw new Error(`the simulator took no file: ${answer.bytes.toString()}`);
  sent.set(body, createHash('sha256').update(bytes).digest('hex'));
  return bytes.length;
}

async function pending(client: HttpClient): Promise<number> {
  const { body } = await client.get<{ data: unknown[] }>('/media?state=pending&limit=100');
  return body.data.length;
}

async function listAll(client: HttpClient): Promise<MessageView[]> {
  const all: MessageView[] = [];
  for (let cursor = ''; ;) {
    const path = `/messages?direction=in&type=document&limit=100${cursor && `&cursor=${cursor}`}`;
    const { body } = await client.get<{ data: MessageView[]; nextCursor: string | null }>(path);
    all.push(...body.data);
    if (body.nextCursor === null) return all;
    cursor = encodeURIComponent(body.nextCursor);
  }
}

async function allEnded(client: HttpClient, count: number, deadlineMs: number): Promise<MessageView[]> {
  const there = async () => (await listAll(client)).length >= count;
  await waitFor(there, { what: 'all messages', deadlineMs: ARRIVAL_DEADLINE_MS, pollMs: 1_000 });
  await waitFor(async () => (await pending(client)) === 0, {
    what: 'all files to end',
    deadlineMs,
    pollMs: 500,
  });
  return listAll(client);
}

async function judge(client: HttpClient, messages: MessageView[], sent: ReadonlyMap<string, string>) {
  const ends: Record<string, number> = {};
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const { id, caption, media } of messages) {
    const name = caption ?? '';
    if (seen.has(name)) faults.push(`${name} is there twice`);
    seen.add(name);
    const error = media ? media.error : 'no file';
    const end = media?.state === 'stored' ? 'stored' : `${media?.state ?? 'none'}: ${error ?? 'no reason'}`;
    ends[end] = (ends[end] ?? 0) + 1;
    if (media?.state === 'stored') {
      const { bytes } = await client.get(`/media/${media.id}/content`);
      const hash = createHash('sha256').update(bytes).digest('hex');
      if (hash !== sent.get(name) || hash !== media.sha256) faults.push(`${name} (${id}) has other bytes`);
    } else if (!error || !['failed', 'expired'].includes(media?.state ?? '')) {
      faults.push(`${name} (${id}) is ${end}`);
    }
  }
  for (const name of sent.keys()) if (!seen.has(name)) faults.push(`${name} is missing`);
  return { ends, faults };
}

function sampleMemory(pids: { api: number; node: number }) {
  const samples = { api: [] as number[], node: [] as number[] };
  const stopped = new AbortController();
  const sample = async () => {
    while (!stopped.signal.aborted) {
      for (const name of ['api', 'node'] as const) samples[name].push(await residentMib(pids[name]));
      await delay(SAMPLE_EVERY_MS);
    }
  };
  // Ends by itself when the process does.
  sample().catch(() => undefined);
  return { samples, stop: () => stopped.abort() };
}

/** proc(5): the second field of statm is the resident set in pages. */
async function residentMib(pid: number): Promise<number> {
  const [, pages] = (await readFile(`/proc/${String(pid)}/statm`, 'utf8')).split(' ');
  return (Number(pages) * 4_096) / 2 ** 20;
}
