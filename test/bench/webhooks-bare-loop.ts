import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';

/** What is to be posted: each line of the file to each URL. */
export interface LoopWish {
  file: string;
  urls: string[];
  inFlightPerUrl: number;
}

const key = randomBytes(32);
const agent = new Agent({ connections: null });

async function post(url: string, id: string, body: string): Promise<void> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const answer = await request(url, {
    dispatcher: agent,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    },
    body,
  });
  await answer.body.dump();
}

async function work(url: string, bodies: readonly string[], places: Iterator<number>): Promise<void> {
  for (let next = places.next(); !next.done; next = places.next())
    await post(url, `evt_${String(next.value)}`, bodies[next.value] ?? '');
}

/** Signs and posts, and nothing else: no log, no retries, no database. Answers each wish with `{ done: true }`. */
async function run({ file, urls, inFlightPerUrl }: LoopWish): Promise<void> {
  const bodies = (await readFile(file, 'utf8')).split('\n');
  const workers = urls.flatMap((url) => {
    const places = bodies.keys();
    return Array.from({ length: inFlightPerUrl }, () => work(url, bodies, places));
  });
  await Promise.all(workers);
}

process.on('message', (wish: LoopWish) => {
  void run(wish).then(() => process.send?.({ done: true }));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
