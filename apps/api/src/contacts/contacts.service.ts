import { Injectable } from '@nestjs/common';
import type { ContactRow } from '#database';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import { readPage, toPage, type Page } from '../http/index.js';
import { PersonReference } from '../identities/index.js';
import { NodeClient } from '../nodes/index.js';
import { addressOf, isPlaced, SessionLookup } from '../sessions/index.js';
import { CheckPacer } from './check-pacer.js';
import { ContactRepository } from './contact-repository.js';
import type { CheckContactsDto, CheckedView, ContactView, ListContactsQuery } from './contacts.dto.js';

const LIST = 'contacts';
const CONTACT_ID = /^con_[0-9a-z]{26}$/;
const CHECK_TIMEOUT_MS = 45_000;

/** People as a tenant reads them, and whether numbers are on WhatsApp. */
@Injectable()
export class ContactsService {
  constructor(
    private readonly contacts: ContactRepository,
    private readonly people: PersonReference,
    private readonly sessions: SessionLookup,
    private readonly nodes: NodeClient,
    private readonly pacer: CheckPacer,
  ) {}

  async list(auth: AuthContext, query: ListContactsQuery): Promise<Page<ContactView>> {
    const page = readPage(LIST, query, [CONTACT_ID]);
    const sessionIds = await this.sessions.listIds(auth, query.session);
    const filter = { sessionIds, search: query.search };
    const rows = await this.contacts.list(auth.tenantId, filter, page.limit + 1, page.after?.[0]);
    return toPage(LIST, query, rows, (row) => [row.id], contactView);
  }

  /**
   * @param reference id of a contact, phone number, or WhatsApp's id in either form
   * @throws AppError `not_found`, `wrong_key_mode`, `session_not_allowed`; `session_required` when several sessions
   *   know this person
   */
  async get(auth: AuthContext, reference: string, session?: string): Promise<ContactView> {
    const contact = reference.startsWith('con_')
      ? await this.byId(auth, reference)
      : await this.byWaId(auth, reference, session);
    if (!contact) throw noSuchContact();
    return contactView(contact);
  }

  /** @throws AppError `session_not_connected`, `rate_limited`, `node_unavailable` */
  async check(auth: AuthContext, { session: reference, phones }: CheckContactsDto): Promise<CheckedView> {
    const session = await this.sessions.resolve(auth, reference);
    this.sessions.requireConnected(session);
    if (!isPlaced(session)) throw noSuchContact();
    const distinct = [...new Set(phones)];
    this.pacer.take(session.id, distinct.length);
    const request = { ...addressOf(session), phones: distinct };
    const { results } = await this.nodes.call({ nodeName: session.nodeName }, 'number.check', request, {
      timeoutMs: CHECK_TIMEOUT_MS,
    });
    return { results };
  }

  private async byId(auth: AuthContext, id: string): Promise<ContactRow | undefined> {
    const contact = await this.contacts.find(auth.tenantId, id);
    if (!contact) return undefined;
    await this.sessions.resolve(auth, contact.sessionId).catch((error: unknown) => {
      throw error instanceof AppError && error.code === 'not_found' ? noSuchContact() : error;
    });
    return contact;
  }

  private async byWaId(
    auth: AuthContext,
    reference: string,
    session: string | undefined,
  ): Promise<ContactRow | undefined> {
    const sessionIds = await this.sessions.listIds(auth, session);
    const waIds = await this.people.formsOf(auth.tenantId, reference);
    if (!waIds) return undefined;
    const [contact, another] = await this.contacts.findByWaIds(auth.tenantId, sessionIds, waIds);
    if (another) {
      throw new AppError('session_required', 'several sessions know this person; name one in "session"');
    }
    return contact;
  }
}

function noSuchContact(): AppError {
  return new AppError('not_found', 'there is no such contact');
}

function contactView(contact: ContactRow): ContactView {
  return {
    id: contact.id,
    sessionId: contact.sessionId,
    waId: contact.waId,
    phone: contact.phone,
    lid: contact.lid,
    name: contact.name,
    createdAt: contact.createdAt.toISOString(),
    updatedAt: contact.updatedAt.toISOString(),
  };
}
