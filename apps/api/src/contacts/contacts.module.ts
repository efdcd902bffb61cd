import { Module } from '@nestjs/common';
import { IdentitiesModule } from '../identities/index.js';
import { NodesModule } from '../nodes/index.js';
import { SessionsModule } from '../sessions/index.js';
import { CheckPacer } from './check-pacer.js';
import { ContactFacts } from './contact-facts.js';
import { ContactRepository } from './contact-repository.js';
import { ContactsController } from './contacts.controller.js';
import { ContactsService } from './contacts.service.js';

@Module({
  imports: [IdentitiesModule, NodesModule, SessionsModule],
  controllers: [ContactsController],
  providers: [CheckPacer, ContactFacts, ContactRepository, ContactsService],
  exports: [CheckPacer, ContactRepository],
})
export class ContactsModule {}
