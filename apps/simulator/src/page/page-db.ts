import type { WireGroup, WireMessage, WirePerson } from '../wire.js';

/** A message as the page keeps it: independent of the build profile it will be shown in. */
export interface StoredMessage {
  /** `<sender> <id>` */
  key: string;
  /** Grows with every message stored. */
  rowId: number;
  /** Phone of the partner, or group id. */
  chat: string;
  message: WireMessage;
  ack: number;
  revoked?: { by: string; timestamp: number };
  /** Milliseconds since 1970. */
  editedAt?: number;
  /** By phone of who reacted; an empty emoji took it back. */
  reactions?: Record<string, { id: string; emoji: string; timestamp: number }>;
  /** Of a poll: by phone of who voted. */
  votes?: Record<string, { id: string; choices: number[]; timestamp: number }>;
  /** Could not be decrypted (yet). */
  ciphertext?: boolean;
}

export interface StoredChat {
  chat: string;
  unreadCount: number;
  archive: boolean;
  pin: number;
  muteExpiration: number;
}

export interface StoredLogin {
  loginId: string;
  secret: string;
  phone: string;
}

type StoreName = 'messages' | 'people' | 'groups' | 'chats' | 'meta';
const KEY_PATHS: Record<StoreName, string> = {
  messages: 'key',
  people: 'phone',
  groups: 'id',
  chats: 'chat',
  meta: 'name',
};

export interface Batch {
  messages?: StoredMessage[];
  people?: WirePerson[];
  groups?: WireGroup[];
  chats?: StoredChat[];
  removedMessages?: string[];
}

/** The page's IndexedDB. A write has been handed to the browser's storage when its promise resolves. */
export class PageDb {
  private readonly opened = openDatabase();

  async readAll<T>(store: Exclude<StoreName, 'meta'>): Promise<T[]> {
    const db = await this.opened;
    return settled(db.transaction(store).objectStore(store).getAll() as IDBRequest<T[]>);
  }

  async readLogin(): Promise<StoredLogin | undefined> {
    const db = await this.opened;
    const request = db.transaction('meta').objectStore('meta').get('login');
    return ((await settled(request)) as { value: StoredLogin } | undefined)?.value;
  }

  writeLogin(value: StoredLogin): Promise<void> {
    return this.transact(['meta'], (stores) => stores('meta').put({ name: 'login', value }));
  }

  write(batch: Batch): Promise<void> {
    const { messages = [], people = [], groups = [], chats = [], removedMessages = [] } = batch;
    return this.transact(['messages', 'people', 'groups', 'chats'], (stores) => {
      for (const message of messages) stores('messages').put(message);
      for (const key of removedMessages) stores('messages').delete(key);
      for (const person of people) stores('people').put(person);
      for (const group of groups) stores('groups').put(group);
      for (const chat of chats) stores('chats').put(chat);
    });
  }

  clear(): Promise<void> {
    const names = Object.keys(KEY_PATHS) as StoreName[];
    return this.transact(names, (stores) => names.forEach((name) => stores(name).clear()));
  }

  private async transact(
    names: StoreName[],
    work: (store: (name: StoreName) => IDBObjectStore) => void,
  ): Promise<void> {
    const db = await this.opened;
    await new Promise<void>((resolve, reject) => {
      const transaction = db.transaction(names, 'readwrite');
      transaction.oncomplete = () => resolve();
      transaction.onabort = () =>
        reject(transaction.error ?? new Error('an IndexedDB transaction was aborted'));
      work((name) => transaction.objectStore(name));
      transaction.commit();
    });
  }
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('model-storage', 1);
    request.onupgradeneeded = () => {
      for (const [name, keyPath] of Object.entries(KEY_PATHS)) {
        request.result.createObjectStore(name, { keyPath });
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB did not open'));
  });
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('an IndexedDB request failed'));
  });
}
