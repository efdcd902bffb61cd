import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpClient } from '../support/http-client.js';
import type { MessageView, SessionView } from '../support/session-steps.js';
import { startStack, type Stack } from '../support/stack.js';

const run = promisify(execFile);
const SCRIPT_DEADLINE_MS = 200_000;
const OWN_PHONE = '12025550100';
const ECHO_PHONE = '12025550111';
const PICTURE_PHONE = '12025550113';

/** The commands of the README's first message, in their order. */
async function readCommands(): Promise<string> {
  const readme = await readFile('README.md', 'utf8');
  const section = /## The first message[^]*?(?=\n## )/.exec(readme)?.[0] ?? '';
  return [...section.matchAll(/```sh\n([^]*?)```/g)].map(([, commands = '']) => commands).join('\n');
}

describe("the README's first message", () => {
  let stack: Stack;
  let key: string;
  let client: HttpClient;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wagate-readme-'));
    // As npm start has it.
    stack = await startStack({ profile: '2026-09', apiEnv: { ALLOW_PRIVATE_WEBHOOK_URLS: 'true' } });
    ({ key, client } = await stack.createTenant('README'));
    await stack.simulated.post('/accounts', { phone: ECHO_PHONE, name: 'Echo', persona: 'echo' });
    await stack.simulated.post('/accounts', {
      phone: PICTURE_PHONE,
      name: 'Pictures',
      persona: 'sends-picture',
    });
  });
  afterAll(async () => {
    await stack.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is sent, answered and downloaded by the commands as they stand', { timeout: 240_000 }, async () => {
    const commands = (await readCommands())
      .replace('wg_test_…', key)
      .replace('http://127.0.0.1:3000', stack.baseUrl)
      .replace('http://127.0.0.1:3400', stack.simulator.controlUrl);
    expect(commands).toContain(key);
    await writeFile(join(folder, 'first-message.sh'), commands);
    await copyFile('LICENSE', join(folder, 'LICENSE'));
    const { stdout } = await run('bash', ['first-message.sh'], { cwd: folder, timeout: SCRIPT_DEADLINE_MS });

    expect(stdout).not.toContain('urn:wagate:problem');
    expect(stdout).toMatch(/^event: message\.received$/m);
    expect(stdout).toContain('"secret":"whsec_');
    const session = await client.get<SessionView>('/sessions/support');
    expect(session.body).toMatchObject({ state: 'connected', me: { phone: OWN_PHONE } });
    const sent = await client.get<{ data: MessageView[] }>('/messages?direction=out');
    expect(sent.body.data.map(({ type }) => type)).toEqual(['text', 'document', 'text']);
    for (const { status } of sent.body.data) expect(['delivered', 'read']).toContain(status);
    const received = await client.get<{ data: MessageView[] }>('/messages?direction=in&type=image');
    const downloaded = await readFile(join(folder, 'picture.png'));
    expect(createHash('sha256').update(downloaded).digest('hex')).toBe(received.body.data[0]?.media?.sha256);
  });
});
