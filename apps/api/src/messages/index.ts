export { MessageRepository } from './message-repository.js';
export { MessageStopper, type StoppedChat } from './message-stopper.js';
export { MessagesModule } from './messages.module.js';
export { parseRecipient } from './recipient.js';
