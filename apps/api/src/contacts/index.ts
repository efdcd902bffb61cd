export { ContactRepository } from './contact-repository.js';
export { ContactsModule } from './contacts.module.js';
