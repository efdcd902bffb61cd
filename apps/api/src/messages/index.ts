export { MessageRepository } from './message-repository.js';
export { MessagesModule } from './messages.module.js';
