import { randomBytes, randomUUID } from 'node:crypto';
import { LinkedLogin, type PageConnection } from './linked-login.js';
import { type JournalEntry, type LoginRecord, Refusal } from './records.js';
import { type QrTiming, WaitingLogin } from './waiting-login.js';

/** Pages that wait for a scan, and logins that are linked. */
export class Logins {
  private readonly waiting = new Set<WaitingLogin>();
  private readonly byId = new Map<string, LinkedLogin>();

  constructor(
    private readonly timing: QrTiming,
    private readonly goesIdle: () => boolean,
    private readonly journal: (entry: JournalEntry) => void,
  ) {}

  wait(connection: PageConnection, publicKeys: string[]): WaitingLogin {
    const waiting = new WaitingLogin(connection, publicKeys, this.timing, this.goesIdle);
    this.waiting.add(waiting);
    return waiting;
  }

  stopWaiting(waiting: WaitingLogin): void {
    waiting.end();
    this.waiting.delete(waiting);
  }

  listWaiting(): WaitingLogin[] {
    return [...this.waiting];
  }

  /** Every login ever linked that was not revoked. */
  list(): LinkedLogin[] {
    return [...this.byId.values()].filter((login) => !login.record.revoked);
  }

  of(phone: string): LinkedLogin[] {
    return this.list().filter((login) => login.record.phone === phone);
  }

  /** @throws Refusal 404 when the phone has no linked login */
  getAll(phone: string): LinkedLogin[] {
    const logins = this.of(phone);
    if (logins.length === 0) throw new Refusal(404, 'this phone has no linked login', 'phone');
    return logins;
  }

  find(id: string): LinkedLogin | undefined {
    return this.byId.get(id);
  }

  findByQr(qr: string): WaitingLogin {
    const waiting = this.listWaiting().find((candidate) => candidate.qr === qr.trim());
    if (waiting === undefined) throw new Refusal(422, 'this QR is unknown or has expired', 'qr');
    return waiting;
  }

  findByCode(code: string, phone: string): WaitingLogin {
    const plain = code.replaceAll('-', '').trim().toUpperCase();
    const waiting = this.listWaiting().find((candidate) => candidate.pairing?.code === plain);
    if (waiting === undefined) throw new Refusal(422, 'this pairing code is unknown or has expired', 'code');
    if (waiting.pairing?.phone !== phone) {
      throw new Refusal(422, 'this pairing code was made for another phone', 'phone');
    }
    return waiting;
  }

  /** Links the page's login; the page is told, and stops waiting. */
  link(waiting: WaitingLogin, phone: string): LinkedLogin {
    const record: LoginRecord = {
      id: randomUUID(),
      secret: randomBytes(32).toString('base64url'),
      phone,
      linkedAt: Date.now(),
      revoked: false,
    };
    const login = this.restore(record);
    this.journal({ k: 'login', v: record });
    this.stopWaiting(waiting);
    waiting.connection.send({ t: 'paired', loginId: record.id, secret: record.secret, phone });
    return login;
  }

  restore(record: LoginRecord): LinkedLogin {
    const login = new LinkedLogin(record, this.journal);
    this.byId.set(record.id, login);
    return login;
  }

  *entries(): Iterable<JournalEntry> {
    for (const login of this.byId.values()) {
      yield { k: 'login', v: login.record };
      yield* login.pending();
    }
  }

  close(): void {
    for (const waiting of this.waiting) this.stopWaiting(waiting);
    for (const login of this.byId.values()) login.disconnect();
  }
}
