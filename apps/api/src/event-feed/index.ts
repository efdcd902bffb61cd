export { toEnvelope } from './event-envelope.js';
export { EventFeedModule } from './event-feed.module.js';
export { EventRepository, type EventViewer, type StoredEvent } from './event-repository.js';
