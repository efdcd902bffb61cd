import { is2026 } from './boot.js';
import { Msg, attributesOf, contentOf, keyFor } from './msg.js';
import { MsgKey } from './msg-key.js';
import type { PageFaults } from './page-faults.js';
import type { StoredMessage } from './page-db.js';
import type { PageStore } from './page-store.js';

/** What can be wrong with a message that comes in. */
export class InboundFaults {
  private readonly decryptAfterMs = new Map<string, number>();

  constructor(
    private readonly store: PageStore,
    private readonly faults: PageFaults,
  ) {}

  /** The message as it is stored at first. */
  disguise(stored: StoredMessage): StoredMessage {
    const { decryptedAfterMs } = stored.message;
    const fault = decryptedAfterMs === undefined ? this.faults.take('ciphertext') : undefined;
    if (fault === undefined && decryptedAfterMs === undefined) return stored;
    const afterMs = decryptedAfterMs ?? fault?.ms;
    if (afterMs !== undefined) this.decryptAfterMs.set(stored.key, afterMs);
    return { ...stored, ciphertext: true };
  }

  /** The message is in the collections. */
  shown(stored: StoredMessage, msg: Msg): void {
    const afterMs = this.decryptAfterMs.get(stored.key);
    if (afterMs !== undefined) {
      this.decryptAfterMs.delete(stored.key);
      setTimeout(() => void this.decrypt(stored, msg), afterMs);
    }
    if (this.faults.take('twoKeys') !== undefined) this.showAgain(stored);
    if (this.faults.take('missingKey') !== undefined) {
      const nameless = new Msg(attributesOf(stored, this.store.people, true));
      nameless.set({ id: {} }, { silent: true });
      this.store.msgs.trigger('add', nameless, this.store.msgs);
    }
  }

  /** After a reload: what could be decrypted by now, or will be. */
  resume(): void {
    for (const stored of this.store.stored.values()) {
      const { decryptedAfterMs, timestamp } = stored.message;
      const msg = this.store.msgs.get(keyFor(stored, this.store.people));
      if (stored.ciphertext !== true || decryptedAfterMs === undefined || msg === undefined) continue;
      const waitMs = Math.max(0, timestamp * 1000 + decryptedAfterMs - Date.now());
      setTimeout(() => void this.decrypt(stored, msg), waitMs);
    }
  }

  private async decrypt(stored: StoredMessage, msg: Msg): Promise<void> {
    const { ciphertext: _, ...plain } = stored;
    await this.store.save({ messages: [plain] });
    this.store.remember(plain);
    msg.set(contentOf(plain.message, this.store.people));
  }

  /** The same message under the sender's other address: LID where the build uses phones, and the other way. */
  private showAgain(stored: StoredMessage): void {
    const { people, msgs } = this.store;
    const sender = people.byPhone(stored.message.from);
    const other = sender && (is2026 ? people.phoneWid(sender) : people.lidWid(sender));
    if (other === undefined || stored.chat.endsWith('@g.us')) return;
    const id = new MsgKey({ fromMe: false, remote: other, id: stored.message.id });
    msgs.add(new Msg({ ...attributesOf(stored, people, true), id, from: other }));
  }
}
