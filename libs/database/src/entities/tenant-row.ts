import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `tenants`. */
@Entity('tenants')
export class TenantRow {
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  name!: string;

  @Column('text')
  status!: 'active' | 'suspended';

  @Column('integer', { name: 'max_sessions' })
  maxSessions!: number;

  /** Messages accepted per UTC day; null: no limit. */
  @Column('integer', { name: 'daily_message_limit', nullable: true })
  dailyMessageLimit!: number | null;

  @Column('integer', { name: 'session_daily_message_limit', nullable: true })
  sessionDailyMessageLimit!: number | null;

  /** null: the default of the process. */
  @Column('integer', { name: 'requests_per_minute', nullable: true })
  requestsPerMinute!: number | null;

  @Column('integer', { name: 'key_requests_per_minute', nullable: true })
  keyRequestsPerMinute!: number | null;

  @Column({ type: 'timestamptz', name: 'created_at', insert: false, update: false })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', insert: false })
  updatedAt!: Date;
}
