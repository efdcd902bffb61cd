export { ChatLookup } from './chat-lookup.js';
export {
  ChatRepository,
  likeText,
  phonePrefix,
  type ChatTouch,
  type StoredChat,
  type UpsertedChat,
} from './chat-repository.js';
export { ChatsModule } from './chats.module.js';
export { ChatParams } from './chats.dto.js';
