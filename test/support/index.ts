export { EventStreamClient } from './event-stream-client.js';
export { freshDatabase, type FreshDatabaseOptions } from './fresh-database.js';
export { temporaryFolder } from './temporary-folder.js';
export { testBrowserPath } from './test-browser-path.js';
export { waitFor, type WaitOptions } from './wait-for.js';
export { WebhookReceiver, type ReceivedPost } from './webhook-receiver.js';
