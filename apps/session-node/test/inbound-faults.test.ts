import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeEvent } from '#contracts';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness } from './support/node-harness.js';

const ME = '4915112345731';
const FRIEND = '4915112345732';
const OTHER = '4915112345733';

interface Logins {
  linked: { phone: string; connected: boolean }[];
}

describe.each(['classic', '2026-09'] as const)('what comes in amid faults, on build %s', (profile) => {
  const harness = new NodeHarness(profile);
  const session = harness.address();

  const receive = async (message: object = {}): Promise<string> => {
    const text = { from: FRIEND, to: ME, type: 'text', body: 'hello' };
    return (await harness.control<{ id: string }>('POST', '/messages', { ...text, ...message })).id;
  };
  const reportsOf = (id: string): number =>
    harness.api
      .factsOf('message.upsert', session.sessionId)
      .filter(({ message }) => message.waMessageId === id).length;
  const expectOnceEach = async (ids: readonly string[]): Promise<void> => {
    for (const id of ids) await harness.waitForMessage(session, id);
    expect(ids.filter((id) => reportsOf(id) !== 1)).toEqual([]);
  };
  const arrange = async (...faults: object[]): Promise<void> => {
    await harness.control('PUT', '/faults', { faults: faults.map((fault) => ({ phone: ME, ...fault })) });
  };

  beforeAll(async () => {
    await harness.start();
    for (const phone of [FRIEND, OTHER]) await harness.control('POST', '/accounts', { phone, name: phone });
    await harness.link(session, ME);
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);
  beforeEach(() => arrange());

  it('reports once each what comes in before anybody listens', async () => {
    await harness.command('session.stop', session);
    const ids = [await receive({ body: 'while away' })];
    await arrange({ kind: 'syncLateMs', times: 1, ms: 3_000 });
    await harness.command('session.start', { ...session, mode: 'test' });
    await waitFor(
      async () => (await harness.control<Logins>('GET', '/logins')).linked.some(({ connected }) => connected),
      { what: 'the page to connect', deadlineMs: 60_000, pollMs: 20 },
    );
    for (let count = 0; count < 20; count += 1) ids.push(await receive({ body: `late ${String(count)}` }));
    expect((await harness.snapshot(session)).state).not.toBe('connected');
    await harness.waitForState(session, 'connected');
    await expectOnceEach(ids);
  }, 120_000);

  it('reports once each when the library injects again and again', async () => {
    await arrange({ kind: 'navigates', times: 1 }, { kind: 'iframes', times: 1 });
    const ids = [];
    for (let count = 0; count < 10; count += 1) ids.push(await receive());
    await expectOnceEach(ids);
    await arrange({ kind: 'syncTwice', times: 1 }, { kind: 'navigates', times: 1 });
    await harness.control('POST', `/logins/${ME}/reload`);
    for (let count = 0; count < 10; count += 1) ids.push(await receive());
    await expectOnceEach(ids);
    const { body } = await harness.command('session.diagnostics', session);
    expect(body.restartsLastHour).toBe(0);
    expect((await harness.waitForState(session, 'connected')).reason).toBe('ready');
  }, 120_000);

  it('reports a message once that the page has under both ids of its sender', async () => {
    await arrange({ kind: 'twoKeys', times: 1 });
    await expectOnceEach([await receive(), await receive()]);
  });

  it('keeps what the api refuses, passes on the rest, and does not move its cursor past it', async () => {
    const refused = (event: NodeEvent): boolean =>
      event.fact.kind === 'message.upsert' &&
      event.fact.message.content.type === 'text' &&
      event.fact.message.content.text === 'refuse me';
    harness.api.refuses = refused;
    const before = Math.floor(Date.now() / 1000);
    const bad = await receive({ body: 'refuse me' });
    await expectOnceEach([await receive(), await receive({ from: OTHER })]);
    const counts = await waitFor(() => harness.api.factsOf('quarantine', session.sessionId).at(-1)?.counts, {
      what: 'the count to be told',
    });
    expect(counts).toMatchObject({ refused: 1 });
    const cursorPath = join(harness.folder, 'profiles', session.sessionId, 'cursor.json');
    // The document after the reload is swept as a whole.
    await harness.control('POST', `/logins/${ME}/reload`);
    const other = await harness.waitForMessage(session, await receive({ from: OTHER }));
    const otherSeconds = Date.parse(other.timestamp) / 1000;
    const cursors = await waitFor(
      async () => {
        await harness.control('POST', `/logins/${ME}/reload`).catch(() => undefined);
        const { chats } = JSON.parse(await readFile(cursorPath, 'utf8')) as { chats: Record<string, number> };
        return (chats[`${OTHER}@c.us`] ?? 0) >= otherSeconds ? chats : undefined;
      },
      { what: 'the other cursor to move', deadlineMs: 60_000, pollMs: 3_000 },
    );
    expect(cursors[`${FRIEND}@c.us`] ?? 0).toBeLessThan(before + 1);
    expect(reportsOf(bad)).toBe(0);

    harness.api.refuses = () => false;
    await harness.command('session.restart', { ...session, mode: 'test' });
    await harness.waitForMessage(session, bad);
  }, 120_000);
});
