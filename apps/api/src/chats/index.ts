export { ChatLookup } from './chat-lookup.js';
export { ChatRepository, likeText, phonePrefix, type ChatTouch } from './chat-repository.js';
export { ChatsModule } from './chats.module.js';
export { findAliases } from './known-lids.js';
