import { createHash, randomBytes } from 'node:crypto';
import { waitFor } from '../../support/wait-for.js';
import type { KillStack } from './kill-stack.js';
import { NOTHING, type Round, type RoundContext, type Verdict } from './scenario.js';

interface MediaRow {
  caption: string;
  state: string;
  sha256: string | null;
}

const SETTLE_DEADLINE_MS = 400_000;

/** Files that somebody sends to the session in one round. */
export class MediaTraffic implements Round {
  private constructor(
    private readonly target: KillStack,
    private readonly from: string,
    private readonly files: { caption: string; bytes: Buffer }[],
  ) {}

  static async prepare({ target, tag }: RoundContext, count: number): Promise<MediaTraffic> {
    const [from = ''] = await target.newPeople(1);
    const files = Array.from({ length: count }, (_, index) => ({
      caption: `${tag} file ${String(index)}`,
      bytes: randomBytes(20_000),
    }));
    return new MediaTraffic(target, from, files);
  }

  async push(): Promise<void> {
    for (const { caption, bytes } of this.files) {
      const media = { base64: bytes.toString('base64'), mimeType: 'application/octet-stream' };
      const body = { from: this.from, to: this.target.phone, type: 'document', body: caption, media };
      const { status } = await this.target.stack.simulated.post('/messages', body);
      if (status !== 201) throw new Error(`the simulator refused a file: ${String(status)}`);
    }
  }

  /** Until every message has its row: it does not wait for its file. */
  async recorded(): Promise<void> {
    await waitFor(async () => (await this.rows()).length >= this.files.length, {
      what: 'the messages of the files to be recorded',
      deadlineMs: 60_000,
      pollMs: 100,
    });
  }

  async countStored(): Promise<number> {
    return (await this.rows()).filter(({ state }) => state === 'stored').length;
  }

  async verify(): Promise<Verdict> {
    await waitFor(async () => (await this.countStored()) >= this.files.length, {
      what: 'every file to be stored',
      deadlineMs: SETTLE_DEADLINE_MS,
      pollMs: 250,
    }).catch(() => undefined);
    const rows = await this.rows();
    const intact = this.files.filter(({ caption, bytes }) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return rows.some((row) => row.caption === caption && row.state === 'stored' && row.sha256 === sha256);
    });
    return {
      ...NOTHING,
      lost: this.files.length - intact.length,
      doubled: rows.length - new Set(rows.map(({ caption }) => caption)).size,
    };
  }

  private rows(): Promise<MediaRow[]> {
    return this.target.query<MediaRow & object>(
      `SELECT m.content ->> 'caption' AS caption, f.state, f.sha256 FROM messages m
       JOIN media f ON f.tenant_id = m.tenant_id AND f.id = m.media_id
       WHERE m.direction = 'in' AND m.content ->> 'caption' = ANY($1)`,
      [this.files.map(({ caption }) => caption)],
    );
  }
}
