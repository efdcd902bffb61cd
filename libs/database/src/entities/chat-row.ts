import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ChatKind } from '#contracts';

/** A row of `chats`: one chat of a session. */
@Entity('chats')
export class ChatRow {
  @PrimaryColumn('text', { name: 'tenant_id' })
  tenantId!: string;

  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'session_id' })
  sessionId!: string;

  /** WhatsApp's chat id, the phone form where it is known. */
  @Column('text', { name: 'wa_id' })
  waId!: string;

  @Column('text')
  kind!: ChatKind;

  @Column('text', { nullable: true })
  name!: string | null;

  @Column('text', { nullable: true })
  phone!: string | null;

  @Column('text', { nullable: true })
  lid!: string | null;

  @Column('text', { name: 'last_message_id', nullable: true })
  lastMessageId!: string | null;

  @Column('timestamptz', { name: 'last_message_at', nullable: true })
  lastMessageAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', insert: false, update: false })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', insert: false })
  updatedAt!: Date;
}
