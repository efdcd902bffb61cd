import type { WireGroup } from '../wire.js';
import { is2026 } from './boot.js';
import { Collection } from './collection.js';
import { type Attributes, Model } from './model.js';
import type { Msg } from './msg.js';
import type { MsgKey } from './msg-key.js';
import type { People } from './people.js';
import { type Wid, createWid } from './wid.js';

/** `chat.mute` */
export class Mute extends Model {
  declare expiration: number;

  mute({ expiration }: { expiration: number }): Promise<void> {
    this.set({ expiration });
    return Promise.resolve();
  }

  unmute(): Promise<void> {
    this.set({ expiration: 0 });
    return Promise.resolve();
  }
}

export class Participant extends Model {
  declare id: Wid;
  declare isAdmin: boolean;
  declare isSuperAdmin: boolean;
}

export class GroupMetadata extends Model {
  declare id: Wid;
  declare subject: string;
  declare participants: Collection<Participant>;
  declare isLidAddressingMode: boolean;

  constructor(group: WireGroup, people: People) {
    super({ id: createWid(group.id), participants: new Collection<Participant>() });
    this.update(group, people);
  }

  update(group: WireGroup, people: People): void {
    this.participants.reset();
    for (const member of group.members) {
      const isAdmin = group.admins.includes(member.phone);
      const isSuperAdmin = member.phone === group.owner;
      this.participants.add(new Participant({ id: people.addressOf(member), isAdmin, isSuperAdmin }));
    }
    const owner = people.byPhone(group.owner);
    this.set({
      subject: group.subject,
      desc: group.description,
      creation: group.createdAt,
      owner: owner && people.addressOf(owner),
      isLidAddressingMode: is2026,
      announce: false,
      restrict: false,
      size: group.members.length,
    });
  }
}

/** The messages a chat holds in memory, oldest first. */
export class ChatMsgs extends Collection<Msg> {
  override getModelsArray(): Msg[] {
    const models = super.getModelsArray();
    const sorted = models.every((msg, index) => index === 0 || (models[index - 1]?.rowId ?? 0) <= msg.rowId);
    return sorted ? models : models.sort((a, b) => a.rowId - b.rowId);
  }
}

/** A conversation as page code sees it. */
export class Chat extends Model {
  declare id: Wid;
  declare t: number | undefined;
  declare unreadCount: number;
  declare archive: boolean;
  declare pin: number;
  declare mute: Mute;
  declare msgs: ChatMsgs;
  declare name: string | undefined;
  declare formattedTitle: string;
  declare groupMetadata: GroupMetadata | undefined;
  declare lastReceivedKey: MsgKey | undefined;
  #amAdmin: () => boolean = () => false;

  constructor(attributes: Attributes) {
    super({
      unreadCount: 0,
      archive: false,
      pin: 0,
      isReadOnly: false,
      isLocked: false,
      notSpam: true,
      endOfHistoryTransferType: 1,
      msgs: new ChatMsgs(),
      mute: new Mute({ expiration: 0 }),
      ...attributes,
    });
  }

  get isGroup(): boolean {
    return this.id.isGroup();
  }

  get isUser(): boolean {
    return this.id.isUser();
  }

  useAdminCheck(check: () => boolean): void {
    this.#amAdmin = check;
  }

  iAmAdmin(): boolean {
    return this.#amAdmin();
  }

  getLastMsg(): Msg | undefined {
    return this.msgs.last();
  }
}

/** `WAWebCollections.Chat`; lists the chat with the newest message first. */
export class ChatCollection extends Collection<Chat> {
  constructor(private readonly findOrCreate: (wid: Wid) => Promise<Chat>) {
    super(Chat);
  }

  override getModelsArray(): Chat[] {
    return super.getModelsArray().sort((a, b) => (b.t ?? 0) - (a.t ?? 0));
  }

  override find(id: unknown): Promise<Chat | undefined> {
    const known = this.get(id);
    return known === undefined ? this.findOrCreate(createWid(id)) : Promise.resolve(known);
  }
}
