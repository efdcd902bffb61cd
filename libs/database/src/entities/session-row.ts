import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { PauseReason, SessionAction, SessionMode, SessionReason, SessionState } from '#contracts';

/** A row of `sessions`: one WhatsApp Web login of a tenant. */
@Entity('sessions')
export class SessionRow {
  @PrimaryColumn('text', { name: 'tenant_id' })
  tenantId!: string;

  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  name!: string;

  @Column('text')
  mode!: SessionMode;

  /** What the tenant wants; `state` is what the node last reported. */
  @Column('text')
  desired!: 'running' | 'stopped' | 'deleted';

  /** The node that holds its profile; null: none does. */
  @Column('text', { name: 'node_name', nullable: true })
  nodeName!: string | null;

  /** Rises whenever the session is placed on a node; 0: never placed. */
  @Column('integer')
  epoch!: number;

  @Column('text')
  state!: SessionState;

  @Column('text')
  reason!: SessionReason;

  @Column('text', { nullable: true })
  action!: SessionAction | null;

  @Column('text', { nullable: true })
  detail!: string | null;

  @Column('timestamptz')
  since!: Date;

  @Column('timestamptz', { name: 'proven_at', nullable: true })
  provenAt!: Date | null;

  /** E.164 without +. */
  @Column('text', { nullable: true })
  phone!: string | null;

  /** `…@c.us` */
  @Column('text', { name: 'wa_id', nullable: true })
  waId!: string | null;

  @Column('text', { nullable: true })
  lid!: string | null;

  @Column('text', { name: 'profile_name', nullable: true })
  profileName!: string | null;

  /** Set while the session is linked to a phone, connected or not. */
  @Column('timestamptz', { name: 'linked_at', nullable: true })
  linkedAt!: Date | null;

  /** Messages accepted per UTC day; null: the tenant's default for sessions. */
  @Column('integer', { name: 'daily_message_limit', nullable: true })
  dailyMessageLimit!: number | null;

  /** Its own pacing policy, without what limits nothing; null: the operator's default. */
  @Column('jsonb', { nullable: true })
  pacing!: object | null;

  /** Shows "typing" before each hand-over, unless a message says otherwise. */
  @Column('boolean')
  typing!: boolean;

  /** A chat waits behind a message of unknown fate for as long as that is unknown. */
  @Column('boolean', { name: 'strict_order' })
  strictOrder!: boolean;

  /** Set while its queue is paused. */
  @Column('timestamptz', { name: 'paused_at', nullable: true })
  pausedAt!: Date | null;

  /** When the pause ends by itself; null: it does not. */
  @Column('timestamptz', { name: 'paused_until', nullable: true })
  pausedUntil!: Date | null;

  @Column('text', { name: 'pause_reason', nullable: true })
  pauseReason!: PauseReason | null;

  /** `since` of the newest report that was applied, by the node's clock. */
  @Column('timestamptz', { name: 'reported_since', nullable: true })
  reportedSince!: Date | null;

  @Column('timestamptz', { name: 'reported_at', nullable: true })
  reportedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', insert: false, update: false })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', insert: false })
  updatedAt!: Date;
}
