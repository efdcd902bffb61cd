import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Quarantine } from './quarantine.js';

describe('Quarantine', () => {
  let folder: string;
  const load = (now = new Date(0)): Promise<Quarantine> =>
    Quarantine.load(join(folder, 'quarantine.jsonl'), join(folder, 'quarantine.json'), now);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wagate-quarantine-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('keeps each event once, also over restarts, and tells totals without content', async () => {
    const quarantine = await load();
    await quarantine.add('no_key', ['{"body":"secret"}', '{"body":"other"}']);
    expect(await quarantine.add('no_key', ['{"body":"secret"}'])).toBeUndefined();
    const again = await load(new Date(5_000));
    expect(await again.add('no_key', ['{"body":"other"}'])).toBeUndefined();
    const fact = await again.add('refused', ['{"kind":"message.upsert"}']);
    expect(fact).toEqual({
      kind: 'quarantine',
      since: new Date(0).toISOString(),
      counts: { no_key: 2, unreadable: 0, refused: 1 },
    });
    expect(again.total).toBe(3);
    const lines = (await readFile(join(folder, 'quarantine.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toEqual(['{"body":"secret"}', '{"body":"other"}', '{"kind":"message.upsert"}']);
  });

  it('goes on counting when its content has reached its size', async () => {
    const quarantine = await load();
    const events = Array.from({ length: 3 }, (_, index) => `"${String(index)}${'x'.repeat(600_000)}"`);
    for (const event of events) await quarantine.add('unreadable', [event]);
    await quarantine.add('unreadable', ['"one more"']);
    expect(quarantine.total).toBe(4);
    expect((await readFile(join(folder, 'quarantine.jsonl'), 'utf8')).length).toBeLessThan(2_000_000);
  });
});
