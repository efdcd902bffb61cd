import { Injectable, type OnModuleInit } from '@nestjs/common';
import { NodeFactHandlers } from '../nodes/index.js';
import { ContactRepository } from './contact-repository.js';

/** Stores the people that nodes report. */
@Injectable()
export class ContactFacts implements OnModuleInit {
  constructor(
    private readonly handlers: NodeFactHandlers,
    private readonly contacts: ContactRepository,
  ) {}

  onModuleInit(): void {
    this.handlers.register('contacts', async (tx, session, facts) => {
      await this.contacts.upsert(
        tx,
        session.tenantId,
        session.id,
        facts.flatMap((fact) => fact.contacts),
      );
    });
  }
}
