export { CheckPacer } from './check-pacer.js';
export { ContactRepository } from './contact-repository.js';
export { ContactsModule } from './contacts.module.js';
